"""What is made on a server, and that it is left as it was."""

import asyncio
import contextlib
from dataclasses import replace

import psycopg
import pytest

from cronproof.domain.database import ROLES
from cronproof.errors import EnvironmentFailed
from cronproof.postgres import lifecycle
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server
from tests.support import reference
from tests.support.database import Await, given_to_a_fair_login
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres


DATABASES = "select datname from pg_database"


ROLE_NAMES = "select rolname from pg_roles"


def names(sql: psycopg.Connection, query: str) -> set[str]:
    return {name for (name,) in sql.execute(query.encode())}


def test_a_given_server_is_left_as_it_was(given: Server, sql: psycopg.Connection, await_: Await) -> None:
    before = names(sql, DATABASES), names(sql, ROLE_NAMES)

    async def main() -> None:
        async with lifecycle.create_database(given) as database:
            await database.migrate([*reference.SCHEMA, reference.LOCKING])
            assert database.name in names(sql, DATABASES)

    await_(main())
    assert names(sql, DATABASES) <= before[0]
    assert names(sql, ROLE_NAMES) <= before[1]


def test_also_when_the_run_fails(given: Server, sql: psycopg.Connection, await_: Await) -> None:
    before = names(sql, DATABASES), names(sql, ROLE_NAMES)

    async def main() -> None:
        async with lifecycle.create_database(given):
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
        async with lifecycle.create_database(given):
            pass

    await_(main())
    assert "cronproof_abandoned" not in names(sql, DATABASES)
    assert "cronproof_abandoned_anon" not in names(sql, ROLE_NAMES)


def test_a_database_that_only_looks_like_ours_is_not_touched(
    given: Server, sql: psycopg.Connection, await_: Await
) -> None:
    sql.execute("create database cronproof_of_somebody")

    async def main() -> None:
        async with lifecycle.create_database(given):
            pass

    await_(main())
    assert "cronproof_of_somebody" in names(sql, DATABASES)
    sql.execute("drop database cronproof_of_somebody")


def test_two_runs_on_one_server_do_not_meet(given: Server, await_: Await) -> None:
    async def main() -> None:
        async with lifecycle.create_database(given) as first, lifecycle.create_database(given) as second:
            assert first.name != second.name
            for database in (first, second):
                await database.migrate([*reference.SCHEMA, reference.LOCKING])
                await database.prepare()
            await first.reset(await first.script([b"insert into tenants (name, slug) values ('one', 'one')"]))
            assert (await second.rows(["tenants"]))["tenants"] == []

    await_(main())


def test_the_end_of_a_superusers_session_is_waited_for(await_: Await) -> None:
    async def main() -> set[str]:
        async with given_to_a_fair_login() as (fresh, given):
            async with lifecycle.create_database(given) as database:
                session = await psycopg.AsyncConnection.connect(fresh.conninfo, dbname=database.name)
                closing = asyncio.create_task(close_after_a_refusal(fresh, session))
            await closing
            with psycopg.connect(fresh.conninfo) as sql:
                return names(sql, DATABASES)

    assert not [name for name in await_(main()) if name.startswith(lifecycle.NAME_PREFIX)]


async def close_after_a_refusal(fresh: Server, session: psycopg.AsyncConnection) -> None:
    """Closes a session as soon as somebody has been refused to end it."""
    asked = b"select from pg_stat_activity where query like 'drop database%' and state = 'idle'"
    with psycopg.connect(fresh.conninfo, autocommit=True) as watching:
        await wait_for(lambda: watching.execute(asked).rowcount == 1)
    await session.close()


def test_a_superusers_session_that_stays_is_told_and_stops_no_later_run(
    await_: Await, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "DROP_SECONDS", 0.1)

    async def main() -> set[str]:
        async with given_to_a_fair_login() as (fresh, given):
            with pytest.raises(EnvironmentFailed, match="cannot be dropped: permission denied to terminate process"):
                async with lifecycle.create_database(given) as database:
                    session = await psycopg.AsyncConnection.connect(fresh.conninfo, dbname=database.name)
            async with lifecycle.create_database(given):
                await session.close()
            with psycopg.connect(fresh.conninfo) as sql:
                return names(sql, DATABASES)

    assert len([name for name in await_(main()) if name.startswith(lifecycle.NAME_PREFIX)]) == 1


def test_a_run_that_ends_leaves_the_roles_that_another_has_just_found(await_: Await) -> None:
    async def main() -> None:
        async with server.open_server("embedded") as fresh:  # with none of the roles yet
            given = replace(fresh, disposable=False)
            async with lifecycle.create_database(given) as first:
                async with lifecycle.create_database(given):
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
        async with lifecycle.create_database(
            replace(given, conninfo=given.conninfo.replace("user=postgres", "user=weak"))
        ):
            pass

    try:
        with pytest.raises(EnvironmentFailed, match=f"^the login 'weak' at given lacks .*{lacking}"):
            await_(main())
    finally:
        sql.execute("drop role weak")


def test_a_login_need_not_be_a_superuser(await_: Await) -> None:
    async def main() -> None:
        async with given_to_a_fair_login() as (fresh, fair):  # a fresh server has no roles yet
            with psycopg.connect(fresh.conninfo, autocommit=True) as sql:
                sql.execute("create database cronproof_of_another_login")
                sql.execute(f"comment on database cronproof_of_another_login is '{lifecycle.OURS}'".encode())
                async with lifecycle.create_database(fair) as d:
                    await d.migrate([*reference.SCHEMA, reference.LOCKING])
                    await d.prepare()
                assert "cronproof_of_another_login" in names(sql, DATABASES)

    await_(main())


def test_an_unreachable_server_is_said_in_one_line(await_: Await) -> None:
    async def main() -> None:
        async with lifecycle.create_database(Server("host=127.0.0.1 port=1", "given 127.0.0.1:1", disposable=False)):
            pass

    with pytest.raises(EnvironmentFailed, match="^no Postgres answers at given 127.0.0.1:1: ") as raised:
        await_(main())
    assert "\n" not in str(raised.value)
