"""The run's database: rows, and who waits for whom."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with

pytestmark = pytest.mark.postgres


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


def test_new_connections_get_another_plan_until_the_block_ends(
    database: Database, postgres: Server, await_: Await
) -> None:
    explain = "explain (costs off) select from tenants as a join tenants as b on a.name = b.slug where b.slug < 'z'"

    login = conninfo_to_dict(database.url(0, "service_role"))

    async def plan() -> str:
        async with await psycopg.AsyncConnection.connect(
            database.conninfo, user=login["user"], password=login["password"]
        ) as connection:
            return " ".join(line for (line,) in await (await connection.execute(explain)).fetchall())

    async def statistics() -> tuple[int, int]:
        ((tuples, columns),) = await database.fetch(
            "select reltuples, (select count(*) from pg_statistic where starelid = c.oid) from pg_class as c "
            "where oid = 'tenants'::regclass"
        )
        return int(tuples), columns

    async def main() -> dict[str, tuple[str, tuple[int, int]]]:
        nine = b"insert into tenants (name, slug) select i, i from generate_series(1, 9) as i"
        await database.reset(await database.script([nine]))
        await database.tidy(["tenants"])
        found = {"none": (await plan(), await statistics())}
        for name in database.query_plans:
            async with database.planned(name, ["tenants"]):
                found[name] = await plan(), await statistics()
        return found | {"after": (await plan(), await statistics())}

    found = await_(main())
    assert found["after"] == found["none"]
    assert {name: (plan.split()[0], "Index" in plan) for name, (plan, _) in found.items()} == {
        "none": ("Hash", False),
        "nested loops": ("Nested", True),
        "hash joins": ("Hash", False),
        "no sequential scans": ("Hash", True),
        "no statistics": ("Hash", False),
        "after": ("Hash", False),
    }
    assert found["none"][1] == (9, 16)
    assert found["no statistics"][1] == (-1, 0)


def test_a_row_that_only_the_end_of_the_transaction_refuses_is_refused(
    await_: Await, postgres: Server, tmp_path: Path
) -> None:
    (tmp_path / "deferred.sql").write_text(
        "create table parents (id int primary key); "
        "create table children (parent int references parents deferrable initially deferred)"
    )
    with database_with([tmp_path / "deferred.sql"], await_, postgres) as made:
        ((position, reason),) = await_(
            made.refused([b"insert into parents values (1)", b"insert into children values (2)"])
        )

    assert position == 1
    assert "violates foreign key constraint" in reason


def test_a_table_without_columns_is_reset_with_the_others(await_: Await, postgres: Server, tmp_path: Path) -> None:
    (tmp_path / "empty.sql").write_text("create table nothing (); insert into nothing default values")
    with database_with([tmp_path / "empty.sql"], await_, postgres) as made:

        async def main() -> tuple[bool, list[tuple[int]]]:
            script = await made.script([])
            await made.reset(script)
            before = await made.digest()
            await made.fetch("insert into nothing default values returning 1")
            return before == await made.digest(), await made.fetch("select count(*) from nothing")

        assert await_(main()) == (False, [(1,)])
