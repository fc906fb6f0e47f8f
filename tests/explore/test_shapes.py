"""Sixty claims: what two connections show that nobody controls, the exploration has, and what it adds can be replayed.

Of a batch that two divide (`shares_batches`) it has less, of which none is wrong.

`make stress` does it with 20,000 trials and 100 replays of each.
"""

import asyncio
import json
import math
import os
import random
from collections.abc import Collection, Iterator, Sequence

import psycopg
import pytest
from psycopg import AsyncConnection

from cronproof.explore import explorer
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.postgres.database import Database
from cronproof.postgres.reset import Script
from cronproof.postgres.server.server import Server
from fixtures.shapes import SHAPES
from fixtures.shapes.shape import Shape
from tests.support import reference
from tests.support.database import Await, database_with
from tests.support.sessions import Sessions, SessionsSummary

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

TRIALS = int(os.environ.get("CRONPROOF_TRIALS", "100"))
REPLAYS = int(os.environ.get("CRONPROOF_REPLAYS", "2"))
MOMENT_SECONDS = 0.0005
"""How long one connection lets the other go first, at most: about as long as a statement takes."""

TENANT = b"insert into tenants (id, name, slug) values ('00000000-0000-4000-8000-000000000001', 'Northside', 'n')"
JOB = b"insert into jobs (id, tenant_id, status) values (%d, '00000000-0000-4000-8000-000000000001', 'completed')"
REMEMBERED = [
    b"insert into queue values (32)",
    b"insert into queue values (33)",
    b"insert into last_jobs values (1, 0)",
    b"insert into leases values (32, '2000-01-01')",
]


@pytest.fixture(scope="module")
def tables(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with what all shapes need."""
    file = tmp_path_factory.mktemp("sql") / "shapes.sql"
    file.write_text("\n".join(dict.fromkeys(shape.setup for shape in SHAPES)))
    with database_with([*reference.SCHEMA, file], await_, postgres) as made:
        await_(made.inside.install())
        yield made


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_exploration_has_what_hammering_shows_and_what_it_adds_is_replayed(
    shape: Shape, tables: Database, await_: Await
) -> None:
    async def main() -> None:
        jobs = range(32, 37 if shape.batch == 5 else 34)
        script = await tables.script([TENANT, *(JOB % number for number in jobs), *REMEMBERED])
        sessions = Sessions(tables, {"A": shape.claim, "B": shape.claim}, script, [])
        async with sessions.opened():
            explored = await explore(sessions, shape)
            hammered = await hammer(tables, script, shape)

            assert hammered <= explored.keys() or shape.shares_batches
            assert is_wrong(shape, explored.keys() | hammered) is not shape.is_right
            for outcome in explored.keys() - hammered:
                for _ in range(REPLAYS):
                    assert await replay(sessions, explored[outcome]) == outcome

    await_(main())


async def explore(sessions: Sessions, shape: Shape) -> dict[str, ExecutedSchedule]:
    """A schedule of each outcome."""
    found: dict[str, ExecutedSchedule] = {}

    async def execute(items: Sequence[WorkItem]) -> list[tuple[ExecutedSchedule, SessionsSummary]]:
        executed = await sessions.execute(items)
        for schedule, summary in executed:
            found.setdefault(summary.outcome, schedule)
        return executed

    strategy = explorer.make_strategy("all", ["A", "B"], inside="conflicts")
    coverage, _ = await explorer.explore(strategy, "all", execute, deadline=math.inf, progress=lambda _: None)
    assert coverage.exhausted or not shape.is_right
    return found


async def hammer(database: Database, script: Script, shape: Shape) -> set[str]:
    """What two connections get that claim at once, again and again."""

    async def claim(connection: AsyncConnection) -> object:
        await asyncio.sleep(random.random() * MOMENT_SECONDS)  # noqa: S311  (not as synchronisation: to vary who is first)
        try:
            return await shape.claim(connection)
        except psycopg.Error as error:
            return error.sqlstate

    found = set()
    url = database.conninfo
    one, other = [await AsyncConnection.connect(url, autocommit=True) for _ in range(2)]
    async with one, other:
        for _ in range(TRIALS):
            await database.reset(script)
            mine, theirs = await asyncio.gather(claim(one), claim(other))
            found.add(json.dumps([{"A": [mine], "B": [theirs]}, {}], sort_keys=True))
    return found


async def replay(sessions: Sessions, schedule: ExecutedSchedule) -> str:
    """The outcome of a schedule that is executed again."""
    choices = tuple(decision.chosen for decision in schedule.decisions)
    ((_, summary),) = await sessions.execute([WorkItem(choices, apart=schedule.item.apart)])
    return summary.outcome


def is_wrong(shape: Shape, outcomes: Collection[str]) -> bool:
    """Whether two instances get the same job in any outcome or, where that is what is wrong, a claim fails."""
    claims = [(*came["A"], *came["B"]) for came, _ in map(json.loads, outcomes)]
    if shape.proves == "status":
        return any(isinstance(claim, str) for both in claims for claim in both)
    return any(
        isinstance(one, list) and isinstance(other, list) and not set(one).isdisjoint(other) for one, other in claims
    )
