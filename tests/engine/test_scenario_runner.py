"""A scenario that is executed many times."""

from typing import cast

import pytest

from cronproof.engine.plan import Plan
from cronproof.engine.session import open_session_on
from cronproof.explore.schedule import WorkItem
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.targets.in_process import InProcess
from tests.support.crons import RACE
from tests.support.database import Await

pytestmark = pytest.mark.postgres


def test_runs_of_an_exploration_leave_nothing_in_memory(postgres: Server, await_: Await) -> None:
    async def main() -> list[int]:
        async with open_session_on(postgres, Plan()) as opened:
            scenario_runner = await opened.prepare(reader.read_scenario(RACE))
            recorded = []
            with opened.target.isolated():
                for _ in range(3):
                    await scenario_runner.summarize(WorkItem())
                    recorded.append(len(cast(InProcess, opened.target)._router.calls))
            return recorded

    first, second, third = await_(main())
    assert first == second == third == 1
