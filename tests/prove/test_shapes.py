"""Every wrong claim fails with a counterexample that fails again whenever it is replayed.

`make stress` replays all of them 100 times.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cronproof.engine.replay import replay
from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.postgres.server.server import Server
from cronproof.prove.proof import read_declared, subject_of
from cronproof.prove.trial import plan_of
from cronproof.scenario import reader
from fixtures.saboteurs import shapes
from fixtures.saboteurs.saboteur import Saboteur
from tests.support import reference
from tests.support.database import Await

DECLARED = read_declared(reference.CONFIG)
pytestmark = [pytest.mark.postgres, pytest.mark.slow]

REPLAYS = int(os.environ.get("CRONPROOF_REPLAYS", "0"))
"""How often all are replayed; 0: some of them, twice."""
TRIED = shapes.SABOTEURS if REPLAYS else shapes.SABOTEURS[::7]
TIMES = REPLAYS or 2


@pytest.mark.parametrize("saboteur", TRIED, ids=lambda saboteur: saboteur.name)
def test_a_wrong_claim_fails_and_its_counterexample_fails_again(
    saboteur: Saboteur, await_: Await, postgres: Server, tmp_path: Path
) -> None:
    plan = replace(
        plan_of(subject_of(saboteur), DECLARED.course, tmp_path), postgres=postgres.conninfo, seeks_failures=False
    )
    (file,) = reader.read_scenarios(saboteur.scenarios)

    async def verified() -> ScenarioResult:
        async with open_session_on(postgres, plan) as session:
            return await verify_scenario(session, file)

    result: ScenarioResult = await_(verified())
    said: list[str] = []

    assert result.verdict == "FAIL"
    assert result.counterexample is not None
    assert result.counterexample.check == saboteur.proves
    verdict = await_(replay(plan, file, result.counterexample, times=TIMES, pause=False, tell=said.append))
    assert verdict == "FAIL"
    assert said[-1] == f"{TIMES} times: {TIMES} × still fails"
