"""The run's database: a unique name, dropped at the end, and nothing else touched."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from cronproof.postgres import lifecycle
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await

pytestmark = pytest.mark.postgres


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
        async with lifecycle.create_database(postgres) as database:
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
        async with lifecycle.create_database(postgres) as database:
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
