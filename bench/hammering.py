"""A bug with a narrow window, found by exploring and by hammering: a claim that commits before its UPDATE."""

import asyncio
import math
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import AsyncConnection

from bench.statements import MARK, PICK, ROWS, SCHEMA, SEND
from cronproof.explore import explorer
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.postgres.database import Database
from cronproof.postgres.reset import Script
from tests.support.sessions import Sessions, SessionsSummary

TRIALS = 500
MOMENTS_SECONDS = 0.02


@dataclass(frozen=True)
class Found:
    """How each way fared."""

    explored_seconds: float
    schedules: int
    trials: int
    hits: int
    hammering_seconds: float
    per_trial_seconds: float


async def claims(database: Database) -> Script:
    """Makes the tables, and returns what makes one row to claim."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "claims.sql"
        file.write_text(SCHEMA)
        await database.migrate([file])
    await database.prepare()
    return await database.script(ROWS)


async def runs_until_duplicate(database: Database) -> Found:
    """Explores the bug, then hammers it."""
    script = await claims(database)
    started = time.monotonic()
    schedules = await _explore(database, script)
    explored_seconds = time.monotonic() - started
    started, first, hits = time.monotonic(), math.inf, 0
    one, other = [await AsyncConnection.connect(database.conninfo, autocommit=True) for _ in range(2)]
    async with one, other:
        for _ in range(TRIALS):
            await database.reset(script)
            claimed = await asyncio.gather(_claim(one), _claim(other))
            if all(claimed):
                hits += 1
                first = min(first, time.monotonic() - started)
    return Found(explored_seconds, schedules, TRIALS, hits, first, (time.monotonic() - started) / TRIALS)


async def _explore(database: Database, script: Script) -> int:
    programs = {name: [PICK, MARK, SEND] for name in "AB"}
    sessions = Sessions(database, programs, script, ["sent"])

    async with sessions.opened():

        async def execute(tasks: Sequence[WorkItem]) -> list[tuple[ExecutedSchedule, SessionsSummary]]:
            return [(follow, _judged(summary)) for follow, summary in await sessions.execute(tasks)]

        search = explorer.make_strategy("preemptions:2", list(programs))
        coverage, failing = await explorer.explore(
            search,
            "preemptions:2",
            execute,
            deadline=math.inf,
            progress=lambda _: None,
        )
    assert failing is not None  # noqa: S101  (else there is nothing to compare)
    return coverage.schedules


def _judged(summary: SessionsSummary) -> SessionsSummary:
    """A duplicate: both picked the row, whatever they did then."""
    return SessionsSummary(summary.outcome, summary.waits, failed=summary.outcome.count('["SELECT 1", [[1]]]') > 1)


async def _claim(connection: AsyncConnection) -> bool:
    await asyncio.sleep(random.random() * MOMENTS_SECONDS)  # noqa: S311  (schedulers do not agree to the millisecond)
    picked = await (await connection.execute(PICK)).fetchone()
    if picked:
        await connection.execute(MARK)
        await connection.execute(SEND)
    return picked is not None
