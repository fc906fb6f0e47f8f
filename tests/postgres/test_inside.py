"""Holding backends inside statements, with nothing but SQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from cronproof.postgres import lifecycle
from cronproof.postgres.connect import connect
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.arrival import HELD, Arrival, parse_arrival
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with, given_to_a_fair_login

pytestmark = pytest.mark.postgres

SCHEMA = """
    create table units (id int primary key, n int);
    create table pairs (a int, b text, primary key (a, b));
    create table nameless (n int);
    create function work() returns void language plpgsql as $$
    begin
        perform from units;
        insert into nameless values (1);
    end $$;
"""


@pytest.fixture
def made(await_: Await, postgres: Server, tmp_path: Path) -> Iterator[Database]:
    file = tmp_path / "schema.sql"
    file.write_text(SCHEMA)
    with database_with([file], await_, postgres) as database:
        await_(database.inside.install())
        yield database


class Backend:
    """A connection that tells each point at which it is held."""

    def __init__(self, connection: AsyncConnection, database: Database) -> None:
        self.connection = connection
        self.inside = database.inside
        self.pid = connection.info.backend_pid
        self.points: asyncio.Queue[Arrival] = asyncio.Queue()
        self.passed: list[str] = []
        connection.add_notice_handler(
            lambda notice: (
                self.points.put_nowait(parse_arrival(notice.message_primary or ""))
                if notice.sqlstate == HELD
                else self.passed.append(notice.message_primary or "")
            )
        )

    async def held_at(self, statement: str, *, rows: bool = True) -> list[str]:
        """Executes a statement, and returns the points at which it was held."""
        await self.inside.hold(self.pid, "rows")
        running = asyncio.create_task(self.connection.execute(statement.encode()))
        found = []
        while True:
            arriving = asyncio.create_task(self.points.get())
            await asyncio.wait([running, arriving], return_when=asyncio.FIRST_COMPLETED)
            if not arriving.done():
                arriving.cancel()
                break
            found.append(arriving.result().point.text)
            assert not running.done()
            await self.inside.let_go(self.pid, rows=rows)
        await running
        await self.inside.hold(self.pid, None)
        return found


def test_a_backend_is_held_when_its_snapshot_is_taken_and_before_each_row(
    made: Database, postgres: Server, await_: Await
) -> None:
    async def main() -> list[list[str]]:
        async with await connect(postgres, dbname=made.name) as connection:
            backend = Backend(connection, made)
            return [
                await backend.held_at("insert into units values (1), (2)"),
                await backend.held_at("update units set n = 1 where id = 2"),
                await backend.held_at("insert into pairs values (1, 'x')"),
                await backend.held_at("delete from units"),
                await backend.held_at("select work()"),
                await backend.held_at("truncate nameless"),
            ]

    assert await_(main()) == [
        ["INSERT units … snapshot taken", "INSERT units … before row 1", "INSERT units … before row 2"],
        ["UPDATE units … snapshot taken", "UPDATE units … before row 2"],
        ["INSERT pairs … snapshot taken", "INSERT pairs … before row no. 0"],
        ["DELETE units … snapshot taken", "DELETE units … before row 1", "DELETE units … before row 2"],
        [
            "work() … before perform from units",
            "work() … before insert into nameless values",
            "INSERT nameless … snapshot taken",
            "INSERT nameless … before row no. 0",
        ],
        ["TRUNCATE nameless … snapshot taken"],
    ]


def test_tables_that_are_made_later_have_points_and_nobody_switches_them_off(
    made: Database, postgres: Server, await_: Await
) -> None:
    async def main() -> list[list[str]]:
        async with await connect(postgres, dbname=made.name) as connection:
            backend = Backend(connection, made)
            changed = await backend.held_at("create table later (id int primary key) partition by range (id)")
            await connection.execute("create table part partition of later for values from (0) to (9)")
            await connection.execute("create table copied as select 1 as n")
            await connection.execute("create temp table forgotten (n int)")
            await connection.execute("alter table units disable trigger all")
            await connection.execute("set session_replication_role = replica")
            return [
                changed,
                await backend.held_at("insert into later values (1)"),
                await backend.held_at("delete from copied"),
                await backend.held_at("insert into forgotten values (1)"),
                await backend.held_at("insert into units values (1)"),
            ]

    assert await_(main()) == [
        ["CREATE TABLE … before it begins"],
        ["INSERT later … snapshot taken", "INSERT part … before row 1"],
        ["DELETE copied … snapshot taken", "DELETE copied … before row no. 0"],
        [],
        ["INSERT units … snapshot taken", "INSERT units … before row 1"],
    ]


def test_a_table_that_becomes_a_partition_or_is_one_no_more_has_its_points_once(
    made: Database, postgres: Server, await_: Await
) -> None:
    async def main() -> list[list[str]]:
        async with await connect(postgres, dbname=made.name) as connection:
            backend = Backend(connection, made)
            await connection.execute("create table whole (id int primary key) partition by range (id)")
            await connection.execute("create table part (like whole including all)")
            await connection.execute("alter table whole attach partition part for values from (0) to (9)")
            attached = await backend.held_at("insert into whole values (1)")
            await connection.execute("alter table whole detach partition part")
            return [attached, await backend.held_at("insert into part values (2)")]

    assert await_(main()) == [
        ["INSERT whole … snapshot taken", "INSERT part … before row 1"],
        ["INSERT part … snapshot taken", "INSERT part … before row 2"],
    ]


def test_rows_that_are_not_wanted_are_named_and_passed(made: Database, postgres: Server, await_: Await) -> None:
    async def main() -> tuple[list[str], list[str]]:
        async with await connect(postgres, dbname=made.name) as connection:
            backend = Backend(connection, made)
            held = await backend.held_at("insert into units values (1), (2)", rows=False)
            return held, [parse_arrival(text).row for text in backend.passed]

    assert await_(main()) == (["INSERT units … snapshot taken"], ["public.units 1", "public.units 2"])


def test_nobody_is_held_unasked_and_nothing_is_left(made: Database, postgres: Server, await_: Await) -> None:
    async def main() -> tuple[int, list[object]]:
        async with await connect(postgres, dbname=made.name) as connection:
            backend = Backend(connection, made)
            await backend.held_at("insert into units values (1)")
            await made.inside.forget(backend.pid)
            await connection.execute("update units set n = 5; select work()")
            locks = await made.fetch(
                "select classid, objid from pg_locks where locktype = 'advisory' and database = "
                "(select oid from pg_database where datname = current_database())"
            )
            return backend.points.qsize() + len(backend.passed), list(locks)

    assert await_(main()) == (0, [])


def test_it_passes_each_point_exactly_once_however_fast(made: Database, postgres: Server, await_: Await) -> None:
    async def main() -> list[int]:
        async with await connect(postgres, dbname=made.name) as connection:
            backend = Backend(connection, made)
            await connection.execute("insert into units select generate_series(1, 50)")
            return [len(await backend.held_at("update units set n = 1")) for _ in range(20)]

    assert await_(main()) == [51] * 20


@contextlib.asynccontextmanager
async def made_by_another_login(file: Path) -> AsyncIterator[tuple[Server, Server, Database]]:
    """A server, the same for a login that is no superuser, and a database of that login."""
    async with given_to_a_fair_login() as (fresh, given), lifecycle.create_database(given) as database:
        await database.migrate([file])
        await database.prepare()
        yield fresh, given, database


def test_a_login_need_not_be_a_superuser(await_: Await, tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(SCHEMA)

    async def main() -> list[str]:
        async with made_by_another_login(file) as (_, given, database):
            await database.inside.install()
            async with await connect(given, dbname=database.name) as connection:
                return await Backend(connection, database).held_at("select work()")

    assert len(await_(main())) == 4


def test_a_table_of_another_owner_goes_without_points(await_: Await, tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(SCHEMA + "create table foreign_one (n int);")

    async def main() -> tuple[list[str], list[str]]:
        async with (
            made_by_another_login(file) as (fresh, _, database),
            await connect(fresh, dbname=database.name) as connection,
        ):
            await connection.execute("alter table foreign_one owner to postgres")
            await database.inside.install()
            backend = Backend(connection, database)
            return (
                await backend.held_at("insert into foreign_one values (1)"),
                await backend.held_at("insert into nameless values (1)"),
            )

    assert await_(main()) == ([], ["INSERT nameless … snapshot taken", "INSERT nameless … before row no. 0"])
