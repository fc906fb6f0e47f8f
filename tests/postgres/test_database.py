"""The run's database: a unique name, dropped at the end, and nothing else touched."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cronproof.domain.database import ROLES
from cronproof.errors import EnvironmentFailed, UsageError
from cronproof.postgres import catalog, lifecycle
from cronproof.postgres.database import Database
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server
from cronproof.targets import reference
from tests.conftest import Await

pytestmark = pytest.mark.postgres


@pytest.fixture
def given(postgres: Server) -> Server:
    """The test server, as if the user had given its DSN."""
    return replace(postgres, where="given", disposable=False)


@pytest.fixture
def sql(postgres: Server) -> Iterator[psycopg.Connection]:
    """A connection as the owner of the server."""
    with psycopg.connect(postgres.conninfo, autocommit=True) as connection:
        yield connection


def names(sql: psycopg.Connection, query: str) -> set[str]:
    return {name for (name,) in sql.execute(query.encode())}


DATABASES = "select datname from pg_database"
ROLE_NAMES = "select rolname from pg_roles"


def test_a_given_server_is_left_as_it_was(given: Server, sql: psycopg.Connection, await_: Await) -> None:
    before = names(sql, DATABASES), names(sql, ROLE_NAMES)

    async def main() -> None:
        async with lifecycle.created(given) as database:
            await database.migrate([*reference.schema(), reference.LOCKING])
            assert database.name in names(sql, DATABASES)

    await_(main())
    assert names(sql, DATABASES) <= before[0]
    assert names(sql, ROLE_NAMES) <= before[1]


def test_also_when_the_run_fails(given: Server, sql: psycopg.Connection, await_: Await) -> None:
    before = names(sql, DATABASES), names(sql, ROLE_NAMES)

    async def main() -> None:
        async with lifecycle.created(given):
            raise LookupError

    with contextlib.suppress(LookupError):
        await_(main())
    assert names(sql, DATABASES) <= before[0]
    assert names(sql, ROLE_NAMES) <= before[1]


def test_what_a_killed_run_left_is_dropped_by_the_next(given: Server, sql: psycopg.Connection, await_: Await) -> None:
    sql.execute("create database cronproof_abandoned")
    sql.execute(f"comment on database cronproof_abandoned is '{lifecycle.OURS}'".encode())
    sql.execute("create role cronproof_abandoned_anon")

    async def main() -> None:
        async with lifecycle.created(given):
            pass

    await_(main())
    assert "cronproof_abandoned" not in names(sql, DATABASES)
    assert "cronproof_abandoned_anon" not in names(sql, ROLE_NAMES)


def test_a_database_that_only_looks_like_ours_is_not_touched(
    given: Server, sql: psycopg.Connection, await_: Await
) -> None:
    sql.execute("create database cronproof_of_somebody")

    async def main() -> None:
        async with lifecycle.created(given):
            pass

    await_(main())
    assert "cronproof_of_somebody" in names(sql, DATABASES)
    sql.execute("drop database cronproof_of_somebody")


def test_two_runs_on_one_server_do_not_meet(given: Server, await_: Await) -> None:
    async def main() -> None:
        async with lifecycle.created(given) as first, lifecycle.created(given) as second:
            assert first.name != second.name
            for database in (first, second):
                await database.migrate([*reference.schema(), reference.LOCKING])
                await database.prepare()
            await first.reset(await first.script([b"insert into tenants (name, slug) values ('one', 'one')"]))
            assert (await second.rows(["tenants"]))["tenants"] == []

    await_(main())


def test_a_run_that_ends_leaves_the_roles_that_another_has_just_found(await_: Await) -> None:
    async def main() -> None:
        async with server.opened("embedded") as fresh:  # with none of the roles yet
            given = replace(fresh, disposable=False)
            async with lifecycle.created(given) as first:
                async with lifecycle.created(given):
                    pass
                logins = [(f"{first.name}_{role}", role) for role in ROLES]
                for login, role in logins:
                    assert await first.fetch("select pg_has_role(%s, %s, 'usage')", [login, role]) == [(True,)]

    await_(main())


@pytest.mark.parametrize(
    ("rights", "lacking"),
    [("", "CREATEDB"), ("createdb", "CREATEROLE"), ("createdb createrole", "BYPASSRLS")],
)
def test_a_login_without_the_rights_is_told_which(
    rights: str, lacking: str, given: Server, sql: psycopg.Connection, await_: Await
) -> None:
    sql.execute(f"create role weak login {rights}".encode())

    async def main() -> None:
        async with lifecycle.created(replace(given, conninfo=given.conninfo.replace("user=postgres", "user=weak"))):
            pass

    try:
        with pytest.raises(EnvironmentFailed, match=f"^the login 'weak' at given lacks .*{lacking}"):
            await_(main())
    finally:
        sql.execute("drop role weak")


def test_a_login_need_not_be_a_superuser(await_: Await) -> None:
    async def main() -> None:
        async with server.opened("embedded") as fresh:  # a fresh server has no roles yet
            with psycopg.connect(fresh.conninfo, autocommit=True) as sql:
                sql.execute("create role fair login createdb createrole bypassrls")
                sql.execute("create database cronproof_of_another_login")
                sql.execute(f"comment on database cronproof_of_another_login is '{lifecycle.OURS}'".encode())
                conninfo = fresh.conninfo.replace("user=postgres", "user=fair")
                async with lifecycle.created(replace(fresh, conninfo=conninfo, disposable=False)) as d:
                    await d.migrate([*reference.schema(), reference.LOCKING])
                    await d.prepare()
                assert "cronproof_of_another_login" in names(sql, DATABASES)

    await_(main())


def test_an_unreachable_server_is_said_in_one_line(await_: Await) -> None:
    async def main() -> None:
        async with lifecycle.created(Server("host=127.0.0.1 port=1", "given 127.0.0.1:1", disposable=False)):
            pass

    with pytest.raises(EnvironmentFailed, match="^no Postgres answers at given 127.0.0.1:1: ") as raised:
        await_(main())
    assert "\n" not in str(raised.value)


def test_every_migration_can_be_applied_twice(postgres: Server, await_: Await) -> None:
    async def main() -> tuple[Any, Any]:
        async with lifecycle.created(postgres) as database:
            files = [*reference.schema(), reference.LOCKING]
            await database.migrate(files)
            once = await catalog.read_catalog(database._control, ROLES)
            await database.migrate(files)
            return once, await catalog.read_catalog(database._control, ROLES)

    once, twice = await_(main())
    assert once == twice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1;\n\ncreate table a (\n    b nosuch\n);\n", ':4:7: type "nosuch" does not exist'),
        ("select 1;\nselec 2;\n", ':2:1: syntax error at or near "selec"'),
        ("select 1;\n  select 1/0;\n", ":2:3: division by zero"),
        ("-- ünïcode\nselect 'ü', nosuch;\n", ':2:13: column "nosuch" does not exist'),
        ("create function f() returns int language sql as $$ select 1; $$;\nselect f(1);", ":2:8: function f(integer)"),
    ],
)
def test_an_error_is_shown_where_it_stands(
    text: str, message: str, tmp_path: Path, postgres: Server, await_: Await
) -> None:
    file = tmp_path / "broken.sql"
    file.write_text(text)

    async def main() -> None:
        async with lifecycle.created(postgres) as database:
            await database.migrate([file])

    with pytest.raises(UsageError) as raised:
        await_(main())
    assert str(raised.value).startswith(f"{file}{message}")


def test_the_claim_functions_are_guarded_under_supabases_new_defaults_too(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    """Since 2026 new projects grant nothing by default, so a migration must grant by name."""
    revoked = tmp_path / "revoked.sql"
    revoked.write_text(
        "alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;"
        "alter default privileges revoke execute on functions from public;"
    )

    async def main() -> None:
        async with lifecycle.created(postgres) as database:
            await database.migrate([*reference.schema(), revoked, reference.LOCKING])
            await database.prepare()
            assert [function.executable_by for function in database.catalog.functions] == [["service_role"]] * 4

    await_(main())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("begin;\nselect 1;\n", ": leaves a transaction open; end it with COMMIT"),
        ("select 1;\n\0select 2;\n", ":2:1: a NUL, where Postgres would stop reading"),
    ],
)
def test_a_migration_is_whole_or_refused(
    text: str, message: str, tmp_path: Path, postgres: Server, await_: Await
) -> None:
    file = tmp_path / "half.sql"
    file.write_text(text)

    async def main() -> None:
        async with lifecycle.created(postgres) as database:
            await database.migrate([file])

    with pytest.raises(UsageError, match=f"^{file}{message}"):
        await_(main())


def test_what_a_migration_sets_for_its_session_ends_with_it(tmp_path: Path, postgres: Server, await_: Await) -> None:
    file = tmp_path / "sets.sql"
    file.write_text("\ufeffset role anon; set statement_timeout = '1ms';\n", encoding="utf-8")

    async def main() -> None:
        async with lifecycle.created(postgres) as database:
            await database.migrate([*reference.schema(), file])
            await database.prepare()
            await database.reset(await database.script([]))

    await_(main())


@pytest.mark.parametrize(
    ("schema", "writes"),
    [
        (
            (
                "create table teams (id int primary key, owner int);"
                "create table users (id int primary key, team int not null references teams (id));"
                "create table logs (id serial primary key, by int references users (id));"
                "alter table teams add foreign key (owner) references users (id);"
            ),
            (
                "insert into teams values (1); insert into users values (1, 1); update teams set owner = 1;"
                "insert into logs (by) values (1)"
            ),
        ),
        (
            (
                "create table audit (id serial primary key, what text); create table zebras (id int primary key);"
                "create function log() returns trigger language plpgsql as "
                "$$ begin insert into audit (what) values (tg_op); return null; end $$;"
                "create trigger log after insert or delete on zebras for each row execute function log();"
            ),
            "insert into zebras values (1), (2)",
        ),
        (
            (
                "create table parts (id int, at date) partition by range (at);"
                "create table part_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');"
            ),
            "insert into parts values (1, '2026-05-05')",
        ),
    ],
    ids=["a circle of references", "a trigger that writes elsewhere", "partitions"],
)
def test_a_reset_leaves_nothing_whatever_the_schema(
    schema: str, writes: str, tmp_path: Path, postgres: Server, await_: Await
) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(schema)

    async def main() -> None:
        async with lifecycle.created(postgres) as database:
            await database.migrate([file])
            await database.prepare()
            script = await database.script([])
            await database.reset(script)
            empty = await database.digest()
            for _ in range(2):
                await database._control.execute(writes.encode())
                assert (await database.digest()).state != empty.state
                await database.reset(script)
                assert (await database.digest()).state == empty.state

    await_(main())


def test_rows_that_refer_go_before_those_they_refer_to(database: Database) -> None:
    order = [table.name for table in database.catalog.deletable]

    assert order.index("cleaner_assignments") < order.index("jobs") < order.index("customers") < order.index("tenants")


def test_every_reset_is_the_same_whatever_was_there_before(database: Database, await_: Await) -> None:
    tenant = b"insert into tenants (id, name, slug) values ('00000000-0000-4000-8000-000000000009', 'n', 'n')"
    given = b"insert into jobs (id, tenant_id, status) select 7, id, 'completed' from tenants"
    another = b"insert into jobs (tenant_id, status) select id, 'completed' from tenants"

    async def main() -> list[list[int]]:
        ids = []
        for rows in ([tenant, another], [tenant, given], [tenant, another]):
            await database.reset(await database.script(rows))
            await database._control.execute(another)
            ids.append([row["id"] for row in (await database.rows(["jobs"]))["jobs"]])
        return ids

    assert await_(main()) == [[1, 2], [7, 8], [1, 2]]


def test_tables_of_other_schemas_are_emptied_too(postgres: Server, tmp_path: Path, await_: Await) -> None:
    file = tmp_path / "07.sql"
    file.write_text('create schema "Of App"; create table "Of App".sent (id serial, job_id int); create sequence free')

    async def main() -> list[tuple[int, int]]:
        async with lifecycle.created(postgres) as database:
            await database.migrate([file])
            await database.prepare()
            for _ in range(2):
                await database.reset(await database.script([]))
                await database._control.execute('insert into "Of App".sent (job_id) values (1)')
            return await database.fetch("select id, nextval('free') from \"Of App\".sent")

    assert await_(main()) == [(1, 1)]


def test_writes_of_marks_are_logged_with_who_wrote_them(database: Database, await_: Await) -> None:
    tenant = b"insert into tenants (id, name, slug) values ('00000000-0000-4000-8000-000000000009', 'n', 'n')"
    job = b"insert into jobs (id, tenant_id, status) select 1, id, 'completed' from tenants"

    async def main() -> list[tuple[int | str, str, bool]]:
        await database.reset(await database.script([tenant, job]))
        for value in ("now()", "null"):
            await database._control.execute(f"update jobs set followup_sent_at = {value}".encode())
        await database._control.execute("begin; update jobs set frequency_nudge_sent_at = now(); rollback")
        await database._control.execute("update jobs set status = 'cancelled', followup_sent_at = followup_sent_at")
        writes = (await database.digest()).claim_writes
        assert {write.backend_pid for write in writes} == {database._control.info.backend_pid}
        return [(write.unit, write.column, write.is_set) for write in writes]

    assert await_(main()) == [(1, "followup_sent_at", True), (1, "followup_sent_at", False)]


@pytest.mark.parametrize(("lock", "waits"), [("for update", True), ("for update skip locked", False)])
def test_whether_a_backend_waits_is_asked_of_the_server(
    lock: str, waits: bool, database: Database, postgres: Server, await_: Await
) -> None:
    tenant = b"insert into tenants (name, slug) values ('n', 'n')"

    async def main() -> list[int]:
        await database.reset(await database.script([tenant]))
        conninfo = postgres.conninfo.replace("dbname=postgres", f"dbname={database.name}")
        async with (
            await psycopg.AsyncConnection.connect(conninfo) as holder,
            await psycopg.AsyncConnection.connect(conninfo) as asker,
        ):
            await holder.execute("select from tenants for update")
            asking = asyncio.create_task(asker.execute(f"select from tenants {lock}".encode()))
            pids = [holder.info.backend_pid, asker.info.backend_pid]
            blockers: list[int] = []
            while not blockers and not asking.done():
                await asyncio.wait([asking], timeout=0.01)
                blockers = await database.blockers(pids[1:], pids)
            assert blockers == ([pids[0]] if waits else [])
            assert await database.blockers(pids[1:], pids[1:]) == []  # only blockers from the given list count
            await holder.rollback()
            await asking
        return blockers

    assert bool(await_(main())) is waits
