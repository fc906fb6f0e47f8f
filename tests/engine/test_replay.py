"""Replaying a counterexample with a fault."""

import json
from pathlib import Path

import pytest

from tests.support.command import Cronproof
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres

FOLLOWUP = ROOT / "scenarios" / "7-faults" / "post-job-followup.yaml"


def test_a_counterexample_with_a_fault_is_replayed(cronproof: Cronproof, tmp_path: Path) -> None:
    file = tmp_path / "strict.yaml"
    text = FOLLOWUP.read_text()
    file.write_text(text[: text.index("      known:")].replace("[each]", "[timeout-after]"))
    failed = cronproof("verify", str(file), "--out", str(tmp_path), "--json")

    (scenario,) = json.loads(failed.stdout)["scenarios"]
    assert (failed.returncode, scenario["verdict"]) == (1, "FAIL")
    assert "A!timeout-after: call openphone POST /v1/messages" in Path(scenario["counterexample"]).read_text()
    bad, _ = [one for one in scenario["faults"] if one["delivered"] == "twice"]
    assert (bad["faults"][0]["fault"], bad["row"], bad["answers"]) == ("timeout-after", "claimed", ["A: 200", "B: 200"])
    again = cronproof("replay", scenario["counterexample"], "--times", "3")
    assert (again.returncode, "3 × still fails" in again.stdout) == (1, True), again.stdout
