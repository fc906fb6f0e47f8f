"""Replaying counterexamples."""

import json
from pathlib import Path

import pytest

from fixtures.saboteurs.claims import SABOTEURS
from fixtures.saboteurs.inside import SABOTEURS as INSIDE
from fixtures.saboteurs.saboteur import CLAIMS
from tests.support.command import Cronproof
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres

BATCH = ROOT / "scenarios" / "5-rules" / "post-job-followup-batch.yaml"

NUDGE = ROOT / "scenarios" / "3-race" / "frequency-nudge.yaml"

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


def test_a_counterexample_with_another_plan_is_replayed(cronproof: Cronproof, tmp_path: Path) -> None:
    (saboteur,) = (one for one in SABOTEURS if one.name == "limits_each_run_of_a_subquery")
    migration = tmp_path / "claims.sql"
    migration.write_text(saboteur.sources()[CLAIMS])

    done = cronproof("verify", str(BATCH), "--migration", str(migration), "--out", str(tmp_path))

    assert done.returncode == 1
    assert "A claimed 21 jobs, 1 more than 20 [one-after-the-other (plan: nested loops)]" in done.stdout
    assert "The order one-after-the-other (plan: nested loops), which fails batch-limit:" in done.stdout
    (file,) = tmp_path.glob("latest/*.counterexample.yaml")
    again = cronproof("replay", str(file), "--times", "2")
    assert (again.returncode, "2 times: 2 × still fails" in again.stdout) == (1, True), again.stdout
    other = tmp_path / "other.yaml"
    other.write_text(file.read_text().replace("query_plan: nested loops", "query_plan: merge joins"))
    refused = cronproof("replay", str(other))
    assert (refused.returncode, refused.stdout.count("\n")) == (2, 0)
    assert "cannot plan statements with merge joins; it can with nested loops, " in refused.stderr


def test_a_counterexample_inside_a_statement_names_its_points_and_is_replayed(
    cronproof: Cronproof, tmp_path: Path
) -> None:
    (saboteur,) = (one for one in INSIDE if one.name == "takes_turns_too_late")
    migration = tmp_path / "claims.sql"
    migration.write_text(saboteur.sources()[CLAIMS])
    explore = ("explore", str(NUDGE), "--migration", str(migration), "--out", str(tmp_path))

    whole = cronproof(*explore, "--inside", "none")
    done = cronproof(*explore)

    assert (whole.returncode, done.returncode) == (0, 1), done.stdout
    assert "held inside select claim_jobs_for_frequency_nudge() (pieces)" in done.stdout
    (file,) = tmp_path.glob("*.counterexample.yaml")
    assert "A: UPDATE jobs … snapshot taken" in file.read_text()
    again = cronproof("replay", str(file), "--times", "5")
    assert (again.returncode, "5 times: 5 × still fails" in again.stdout) == (1, True), again.stdout
