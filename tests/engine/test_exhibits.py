"""The schedules to show of an exploration, found on a real Postgres."""

from pathlib import Path

import pytest

from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.explore.schedule import count_switches
from cronproof.postgres.server.server import Server
from cronproof.report.views.lanes import common
from cronproof.scenario import reader
from tests.support import reference
from tests.support.command import RACE
from tests.support.database import Await
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def explored(target: str, await_: Await, postgres: Server, folder: Path) -> ScenarioResult:
    """The result of the race with all its interleavings."""
    file = folder / "race.yaml"
    file.write_text((ROOT / RACE).read_text())

    async def main() -> ScenarioResult:
        plan = reference.plan(target)
        async with open_session_on(postgres, plan) as session:
            return await verify_scenario(session, reader.read_scenario(file))

    result: ScenarioResult = await_(main())
    return result


@pytest.fixture(scope="module")
def failing(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> ScenarioResult:
    """The race of the crons before the fix."""
    return explored("legacy", await_, postgres, tmp_path_factory.mktemp("failing"))


def test_the_counterexample_has_as_few_switches_as_a_duplicate_needs(failing: ScenarioResult) -> None:
    assert failing.counterexample is not None
    schedule = [who for step in failing.counterexample.schedule for who, what in step.items() if what != "start"]

    assert (failing.counterexample.check, count_switches(schedule)) == ("no-duplicate", 2)


def test_the_check_breaks_where_the_second_message_is_accepted(failing: ScenarioResult) -> None:
    assert failing.timeline is not None
    assert failing.timeline.broken is not None
    moment = failing.timeline.moments[failing.timeline.broken.at]

    assert [note.kind for note in moment.notes if note.kind == "message"] == ["message"]
    assert (failing.timeline.broken.check, moment.step[:4]) == ("no-duplicate", "call")


def test_the_passing_schedule_shares_its_beginning_with_the_failing_one(failing: ScenarioResult) -> None:
    assert failing.timeline is not None
    assert failing.passing is not None

    assert 0 < common(failing.timeline, failing.passing) < len(failing.timeline.moments)
    assert failing.passing.broken is None


def test_of_a_race_that_passes_a_schedule_is_shown_in_which_instances_meet(
    await_: Await, postgres: Server, tmp_path: Path
) -> None:
    result = explored("reference", await_, postgres, tmp_path)

    assert (result.verdict, result.counterexample, result.passing) == ("PASS", None, None)
    assert result.timeline is not None
    assert count_switches([moment.instance for moment in result.timeline.moments]) > 1
