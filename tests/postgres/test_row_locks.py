"""Row locks from outside: released for one waiter after the other."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with
from tests.support.waiting import DEADLINE_SECONDS

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def numbers(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("sql") / "numbers.sql"
    file.write_text(
        "create table numbers (id int primary key); insert into numbers values (1), (2), (3); "
        "create table others (id int primary key); insert into others values (1)"
    )
    with database_with([file], await_, postgres) as made:
        yield made


async def until_blocked(numbers: Database, pid: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await numbers.blockers([pid], numbers.lockers):  # noqa: ASYNC110  (nobody tells when it comes true)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("last", "first_to_go_on"), [(False, 1), (True, 2)])
def test_each_row_that_is_waited_for_is_released_alone(
    last: bool, first_to_go_on: int, numbers: Database, await_: Await
) -> None:
    async def main() -> list[int]:
        gone_on = list[int]()
        connections = [await psycopg.AsyncConnection.connect(numbers.conninfo) for _ in range(2)]
        pids = [connection.info.backend_pid for connection in connections]

        async def take(number: int) -> None:
            await connections[number - 1].execute("select from numbers where id = %s for update", [number])
            gone_on.append(number)

        async with numbers.rows_locked(["numbers"]) as locks, asyncio.TaskGroup() as waiting:
            tasks = {number: waiting.create_task(take(number)) for number in (1, 2)}
            for pid in pids:
                await until_blocked(numbers, pid)
            assert await locks.separate(pids) == 2
            await locks.release(last=last)
            await tasks[first_to_go_on]
            assert gone_on == [first_to_go_on]
            await locks.release()
        for connection in connections:
            await connection.close()
        return gone_on

    assert sorted(await_(main())) == [1, 2]
    assert numbers.lockers == []


def test_what_nobody_waits_for_is_released_at_once(numbers: Database, await_: Await) -> None:
    async def main() -> int:
        async with numbers.rows_locked(["numbers"]) as locks:
            left = await locks.separate([])
            await numbers.fetch("select from numbers for update nowait")
        return left

    assert await_(main()) == 0


def test_a_row_of_another_table_that_an_instance_holds_is_left_alone(numbers: Database, await_: Await) -> None:
    """Who holds it may wait for us: we would wait for each other for ever."""

    async def main() -> int:
        async with (
            await psycopg.AsyncConnection.connect(numbers.conninfo) as holder,
            await psycopg.AsyncConnection.connect(numbers.conninfo) as waiter,
        ):
            await holder.execute("select from others for update")
            async with numbers.rows_locked(["numbers"]) as locks, asyncio.TaskGroup() as waiting:
                task = waiting.create_task(waiter.execute("select from others for update"))
                async with asyncio.timeout(DEADLINE_SECONDS):
                    while not await numbers.blockers([waiter.info.backend_pid], [holder.info.backend_pid]):  # noqa: ASYNC110  (as above)
                        await asyncio.sleep(0.005)
                left = await locks.separate([waiter.info.backend_pid, holder.info.backend_pid])
                await holder.rollback()
                await task
        return left

    assert await_(main()) == 0
