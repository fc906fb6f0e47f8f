"""Every check has been seen to fail, on the saboteur that it is there for, and no unrelated check with it."""

from __future__ import annotations

import pytest

from fixtures.crons.app import CRONS
from fixtures.saboteurs import SABOTEURS, Saboteur
from harness.checks import CHECKS
from harness.postgres import migration
from harness.postgres.server import Server
from harness.results import ScenarioResult
from harness.runner import Plan, session_on
from harness.scenario.reader import ScenarioFile
from tests.conftest import Await

pytestmark = pytest.mark.postgres


def test_every_check_has_a_saboteur() -> None:
    assert {saboteur.proves for saboteur in SABOTEURS} == {check.id for check in CHECKS}


@pytest.mark.parametrize("saboteur", SABOTEURS, ids=lambda saboteur: saboteur.name)
def test_fails_its_checks_and_no_others(
    saboteur: Saboteur, await_: Await, postgres: Server, scenario_files: list[ScenarioFile]
) -> None:
    results = await_(_all_scenarios(saboteur, postgres, scenario_files))

    failed = {check.id for result in results for check in result.checks if check.verdict == "FAIL"}
    assert failed == {saboteur.proves, *saboteur.also}
    assert "INCONCLUSIVE" not in {result.verdict for result in results}


async def _all_scenarios(
    saboteur: Saboteur, postgres: Server, scenario_files: list[ScenarioFile]
) -> list[ScenarioResult]:
    migrations = [migration.LOCKING, *([saboteur.migration] if saboteur.migration else [])]
    crons = {**CRONS, "post-job-followup": saboteur.cron} if saboteur.cron else CRONS
    async with session_on(postgres, Plan(migrations=migrations, crons=crons)) as opened:
        return [await opened.verify(file) for file in scenario_files]
