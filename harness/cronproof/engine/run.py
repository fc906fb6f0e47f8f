"""A run: verifies all scenarios of a plan, in one or more processes, and reports each."""

import asyncio
import functools
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from cronproof.engine import worker_process
from cronproof.engine.plan import Plan
from cronproof.engine.queue import ScenarioQueue
from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import Session, open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.engine.workers import start_workers
from cronproof.explore.explorer import Coverage
from cronproof.internal_errors import watch
from cronproof.postgres.server import server
from cronproof.scenario.reader import ScenarioFile


class Reporter(Protocol):
    """Receives the progress of a run."""

    def started(self, session: Session, scenarios: int) -> None:
        """Called when everything is up, before the first scenario."""

    def progress(self, file: ScenarioFile, coverage: Coverage) -> None:
        """Called after each batch of a scenario's exploration."""

    def finished(self, result: ScenarioResult) -> None:
        """Called when a scenario is done."""

    def warned(self, text: str) -> None:
        """Called when something went wrong that the run could make good."""


async def verify(
    plan: Plan, files: Sequence[ScenarioFile], *, budget_seconds: float | None, report: Reporter
) -> Sequence[ScenarioResult]:
    """Verifies all scenarios, and reports their results in order.

    Raises:
        UsageError: the plan or a scenario is wrong. Nothing has been executed then.
        EnvironmentFailed: there is no such Postgres.
    """
    deadline = math.inf if budget_seconds is None else time.monotonic() + budget_seconds
    is_alone = len(files) == 1  # then all workers share its exploration
    count = plan.workers - 1 if not is_alone else plan.workers if plan.workers > 1 else 0
    own = replace(plan, workers=1)
    async with server.open_server(plan.postgres) as postgres, open_session_on(postgres, own) as session:
        await session.compile(files)
        report.started(session, len(files))
        queue = ScenarioQueue(files, deadline, report.finished, report.warned)
        async with start_workers(postgres, own, count, worker_process.work) as workers:
            ours = functools.partial(
                verify_scenario,
                session,
                progress=report.progress,
                workers=workers if is_alone and count else None,
            )
            helpers = 0 if is_alone else count
            helping = [
                asyncio.create_task(queue.help(functools.partial(workers.verify, number))) for number in range(helpers)
            ]
            for task in helping:
                watch(task)
            try:
                await queue.work(ours)
                await queue.join(helping)
                await queue.work(ours)  # scenarios of helpers that died
            finally:
                for task in helping:
                    task.cancel()
        return queue.all_results()
