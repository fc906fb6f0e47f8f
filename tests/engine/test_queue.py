"""The queue of scenarios, on scenarios that are not really verified."""

import asyncio
import math

import pytest

from cronproof.engine.evaluate import CheckResult
from cronproof.engine.queue import ScenarioQueue
from cronproof.engine.results import Exploration, ScenarioResult
from cronproof.engine.workers import WorkerDied
from cronproof.errors import EnvironmentFailed
from cronproof.scenario import reader
from cronproof.scenario.reader import ScenarioFile
from tests.support.paths import ROOT

FILES = [reader.read_scenario(file) for file in sorted((ROOT / "scenarios" / "3-race").glob("post-job-followup*.yaml"))]


def passed(file: ScenarioFile) -> ScenarioResult:
    exploration = Exploration("single", 1, exhausted=False, distinct_outcomes=1, blocked_waits=0, seconds=0.0)
    return ScenarioResult(file, [CheckResult(check.id, "PASS", "") for check in file.scenario.checks], [], exploration)


def test_results_are_reported_in_order_whoever_finishes_first() -> None:
    async def main() -> list[str]:
        reported: list[str] = []
        queue = ScenarioQueue(FILES, math.inf, lambda result: reported.append(result.file.id), pytest.fail)
        has_begun, others_are_done = asyncio.Event(), asyncio.Event()

        async def late(file: ScenarioFile, *, deadline: float) -> ScenarioResult:
            has_begun.set()
            await others_are_done.wait()
            return passed(file)

        async def quick(file: ScenarioFile, *, deadline: float) -> ScenarioResult:
            return passed(file)

        first = asyncio.create_task(queue.work(late))
        await has_begun.wait()
        await queue.work(quick)
        assert reported == []
        others_are_done.set()
        await queue.join([first])
        return reported

    assert asyncio.run(main()) == [file.id for file in FILES]


def test_the_scenario_of_a_helper_that_died_is_taken_by_another() -> None:
    warnings = list[str]()

    async def main() -> list[str]:
        queue = ScenarioQueue(FILES, math.inf, lambda _: None, warnings.append)

        async def dies(file: ScenarioFile, *, deadline: float) -> ScenarioResult:
            raise WorkerDied("a worker has died")

        async def works(file: ScenarioFile, *, deadline: float) -> ScenarioResult:
            return passed(file)

        await queue.help(dies)
        await queue.work(works)
        return [result.verdict for result in queue.all_results()]

    assert asyncio.run(main()) == ["PASS"] * len(FILES)
    assert warnings == ["a worker has died; its scenario is verified again"]


def test_an_error_of_a_helper_is_not_taken_for_its_death() -> None:
    async def fails(file: ScenarioFile, *, deadline: float) -> ScenarioResult:
        raise EnvironmentFailed("internal error in a worker")

    with pytest.raises(EnvironmentFailed, match="internal error"):
        asyncio.run(ScenarioQueue(FILES, math.inf, lambda _: None, pytest.fail).help(fails))


def test_what_the_budget_leaves_out_is_inconclusive() -> None:
    async def main() -> list[ScenarioResult]:
        queue = ScenarioQueue(FILES, -math.inf, lambda _: None, pytest.fail)

        async def never(file: ScenarioFile, *, deadline: float) -> ScenarioResult:
            raise AssertionError(file)

        await queue.work(never)
        return list(queue.all_results())

    results = asyncio.run(main())
    assert {result.verdict for result in results} == {"INCONCLUSIVE"}
    assert {check.message for result in results for check in result.checks} == {"the time budget was used up"}
