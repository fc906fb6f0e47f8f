"""Faults at statements: what a real client sees, and what a real server is left with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import AsyncConnection

from cronproof.gate.fault import FaultName
from cronproof.gate.gate import Channel, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from tests.support.database import Await
from tests.support.waiting import DEADLINE_SECONDS

pytestmark = pytest.mark.postgres

INSERT = "insert into public.tenants (name, slug) values ('x', 'of-a-fault')"
FOUND = "select count(*) from public.tenants where slug = 'of-a-fault'"


@dataclass
class Failing(OpenGate):
    """A gate that injects a fault into the first statement with this beginning."""

    beginning: str = ""
    fault: FaultName | None = None
    met: list[str] = field(default_factory=list)

    async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
        if self.fault is not None and point.text.lower().startswith(self.beginning):
            self.met.append(point.text)
            fault, self.fault = self.fault, None
            return Release(instance, fault)
        return Release(instance)


@dataclass
class Ending:
    """Ends connections of the only proxy."""

    database: Database
    proxy: Proxy

    async def end(self, pids: Sequence[int]) -> None:
        await self.database.end(pids)

    async def restart(self) -> None:
        await self.database.end(list(self.proxy.pids))


@contextlib.asynccontextmanager
async def behind(database: Database, gate: Failing) -> AsyncIterator[tuple[Proxy, AsyncConnection]]:
    proxy = Proxy("A", database.upstream, gate)
    proxy.connections = Ending(database, proxy)
    async with proxy.listening():
        url = database.url(proxy.port, "service_role")
        connection = await AsyncConnection.connect(url, autocommit=True, prepare_threshold=None)
        try:
            yield proxy, connection
        finally:
            await connection.close()


@pytest.fixture(autouse=True)
def nothing_is_left(database: Database, await_: Await) -> Iterator[None]:
    yield
    await_(database.fetch("delete from public.tenants where slug = 'of-a-fault' returning 1"))


async def found(database: Database) -> int:
    ((count,),) = await database.fetch(FOUND)
    return int(count)


@pytest.mark.parametrize(
    ("fault", "beginning", "stays"),
    [
        ("sql-error", "insert", 0),
        ("connection-lost-before", "insert", 0),
        ("connection-lost-after", "insert", 1),
        ("database-restarts", "insert", 0),
    ],
)
def test_a_statement_of_its_own_is_done_or_not(
    fault: FaultName, beginning: str, stays: int, database: Database, await_: Await
) -> None:
    gate = Failing(beginning=beginning, fault=fault)

    async def main() -> int:
        async with behind(database, gate) as (_, connection):
            with pytest.raises(psycopg.OperationalError):
                await connection.execute(INSERT)
            assert connection.closed == (fault != "sql-error")
            return await found(database)

    assert await_(main()) == stays
    assert gate.met == [INSERT]


@pytest.mark.parametrize(
    ("fault", "beginning", "stays"),
    [
        ("sql-error", "insert", 0),
        ("sql-error", "commit", 0),
        ("connection-lost-before", "commit", 0),
        ("connection-lost-after", "insert", 0),
        ("connection-lost-after", "commit", 1),
        ("database-restarts", "commit", 0),
    ],
)
def test_of_a_transaction_only_a_commit_that_was_done_leaves_anything(
    fault: FaultName, beginning: str, stays: int, database: Database, await_: Await
) -> None:
    gate = Failing(beginning=beginning, fault=fault)

    async def main() -> int:
        async with behind(database, gate) as (_, connection):
            with pytest.raises(psycopg.OperationalError):
                async with connection.transaction():
                    await connection.execute(INSERT)
            return await found(database)

    assert await_(main()) == stays
    assert len(gate.met) == 1


def test_an_error_is_the_servers_own_and_the_connection_goes_on(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with behind(database, Failing(beginning="select 1", fault="sql-error")) as (proxy, connection):
            with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
                await connection.execute("select 1")
            assert await (await connection.execute("select 2")).fetchall() == [(2,)]
            assert [error.sqlstate for error in proxy.errors] == ["57014"]

    await_(main())


def test_after_an_error_in_a_transaction_it_is_aborted_as_any(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with behind(database, Failing(beginning="select 1", fault="sql-error")) as (_, connection):
            await connection.execute("begin")
            with pytest.raises(psycopg.errors.QueryCanceled):
                await connection.execute("select 1")
            with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                await connection.execute("select 2")
            await connection.execute("rollback")
            assert await (await connection.execute("select 3")).fetchall() == [(3,)]

    await_(main())


def test_a_commit_that_fails_takes_the_transaction_back_and_ends_it(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with behind(database, Failing(beginning="commit", fault="sql-error")) as (_, connection):
            await connection.execute("begin")
            await connection.execute(INSERT)
            with pytest.raises(psycopg.errors.QueryCanceled):
                await connection.execute("commit")
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            assert await found(database) == 0

    await_(main())


def test_what_is_pipelined_fails_whole(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with behind(database, Failing(beginning="insert", fault="sql-error")) as (_, connection):
            with pytest.raises(psycopg.errors.QueryCanceled):  # noqa: PT012  (the pipeline raises when it ends)
                async with connection.pipeline():
                    await connection.execute(INSERT)
                    await connection.execute("select 1")
            assert await found(database) == 0
            assert await (await connection.execute("select 2")).fetchall() == [(2,)]

    await_(main())


def test_a_restart_says_so_to_every_connection(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with behind(database, Failing(beginning="select 1", fault="database-restarts")) as (proxy, connection):
            url = database.url(proxy.port, "service_role")
            other = await AsyncConnection.connect(url, autocommit=True)
            with pytest.raises(psycopg.errors.AdminShutdown):
                await connection.execute("select 1")
            with pytest.raises(psycopg.OperationalError):
                await other.execute("select 2")
            async with await AsyncConnection.connect(url, autocommit=True) as again:
                assert await (await again.execute("select 3")).fetchall() == [(3,)]

    await_(main())


def test_what_was_locked_is_free_when_a_lost_connection_is_noticed(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with behind(database, Failing(beginning="select 1", fault="connection-lost-before")) as (_, connection):
            await connection.execute("begin")
            await connection.execute("lock table public.tenants in access exclusive mode")
            with pytest.raises(psycopg.OperationalError):
                await connection.execute("select 1")
            async with asyncio.timeout(DEADLINE_SECONDS):
                await database.fetch("select 1 from public.tenants for update nowait")

    await_(main())
