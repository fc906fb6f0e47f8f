"""The applications of fixtures/targets, verified by the command with their own config."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import cronproof_process
from tests.support.paths import ROOT

pytestmark = [pytest.mark.postgres, pytest.mark.examples]

WITHOUT_FAULTS = sorted(
    str(folder.relative_to(ROOT)) for folder in (ROOT / "scenarios").glob("[1-6]-*") if folder.is_dir()
)
TARGETS = ROOT / "fixtures" / "targets"


FAIL_UNDER_A_FAULT = {
    "7-faults/frequency-nudge",
    "7-faults/monthly-followup",
    "7-faults/post-job-followup",
    "7-faults/post-job-followup-at-once",
    "8-remaining/check-timeouts-faults",
    "8-remaining/process-scheduled-tasks-faults",
    "8-remaining/seasonal-reminders-faults",
}
"""Where the application has a limit that is known of the reference alone, or a known limit does not show
because its fault is left out.
"""


def verify(name: str, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    config = TARGETS / name / "cronproof.toml"
    ended = cronproof_process("verify", "--config", str(config), "--out", str(folder), "--json", *arguments)
    assert ended.returncode in {0, 1, 4}, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.parametrize("name", ["node-pg", "nextjs-supabase", "fastapi"])
def test_a_correct_application_passes_every_scenario_but_those_of_faults(name: str, tmp_path: Path) -> None:
    code, document = verify(name, tmp_path, *WITHOUT_FAULTS)

    not_passed = {scenario["id"]: scenario for scenario in document["scenarios"] if scenario["verdict"] != "PASS"}
    assert (code, document["target"], not_passed) == (0, name, {})
    assert len(document["scenarios"]) == 65


@pytest.mark.parametrize(
    ("name", "part"), [("node-pg", 1), ("nextjs-supabase", 2), ("nextjs-supabase-before", 3), ("fastapi", 4)]
)
def test_every_other_scenario_comes_to_a_verdict_of_its_own(name: str, part: int, tmp_path: Path) -> None:
    """With one fault or one drawn order each, on one of the applications: all of them take minutes."""
    folder = tmp_path / "scenarios"
    files = [file for group in ("7-faults", "8-remaining") for file in (ROOT / "scenarios" / group).glob("*.yaml")]
    for file in (file for file in files if file.stem != "pairs"):
        text = re.sub(r"faults: \[(each|dies)\]", "faults: [reset-after]", file.read_text())
        drawn = "" if "  faults:" in text else "  interleavings: {sample: 1}\n"
        (folder / file.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / file.parent.name / file.name).write_text(text.replace("  interleavings: all\n", drawn))

    _, document = verify(name, tmp_path, "--slow", "--shard", f"{part}/4", str(folder))

    verdicts = {
        scenario["id"]: (scenario["verdict"], str(scenario.get("reason"))) for scenario in document["scenarios"]
    }
    assert abs(len(verdicts) - (len(files) - 1) / 4) < 1
    doubts = {scenario: reason for scenario, (verdict, reason) in verdicts.items() if verdict == "INCONCLUSIVE"}
    # In the one order that is drawn, instances need not overlap.
    understood = (f"the clock of {name} cannot be set", "the instances never overlapped")
    assert all(any(one in reason for one in understood) for reason in doubts.values()), doubts
    failed = {scenario for scenario, (verdict, _) in verdicts.items() if verdict == "FAIL"}
    assert failed == FAIL_UNDER_A_FAULT & verdicts.keys()


def test_processes_that_are_killed_lose_and_double_what_the_reference_does(tmp_path: Path) -> None:
    file = "scenarios/7-faults/post-job-followup.yaml"
    _, document = verify("node-pg", tmp_path, file)
    reference = json.loads(cronproof_process("verify", file, "--json", "--out", str(tmp_path)).stdout)

    assert document["verdict"] == reference["verdict"] == "PASS"
    assert table(document) == table(reference)
    assert len(table(document)) > 60


def table(document: dict[str, Any]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """The outcome of message and row, by fault, instance and point."""
    (scenario,) = document["scenarios"]
    met = [(one["faults"][0], one) for one in scenario["faults"]]
    return {(f["fault"], f["instance"], f["point"]): (one["delivered"], one["row"]) for f, one in met}


def test_the_application_before_the_fix_fails_the_races_and_nothing_else(tmp_path: Path) -> None:
    code, document = verify("nextjs-supabase-before", tmp_path, *WITHOUT_FAULTS)

    failed = [scenario for scenario in document["scenarios"] if scenario["verdict"] != "PASS"]
    races = [scenario for scenario in failed if scenario["id"].startswith("3-race/")]
    assert code == 1
    # Before the fix there were no claim functions.
    assert {scenario["id"].partition("/")[0] for scenario in failed} == {"1-functions", "3-race"}
    assert len(races) == 7  # where OpenPhone refuses once, no schedule fails
    for scenario in races[::6]:  # each starts a server of its own
        replayed = cronproof_process("replay", scenario["counterexample"], "--times", "3")
        assert (replayed.returncode, "3 × still fails" in replayed.stdout) == (1, True), replayed


def test_a_development_server_works_as_well(tmp_path: Path) -> None:
    race = "scenarios/3-race/post-job-followup.yaml"

    code, document = verify("nextjs-supabase", tmp_path, "--target", "nextjs-supabase-dev", race)

    assert (code, document["verdict"]) == (0, "PASS")


RACES = {
    "knex-0.95.12": "rows",
    "node-pg-migrate-5.10.0": "status",
    "node-pg-migrate-6.0.0": None,
    "sequelize-6.8.0": None,
}
"""The check that fails of some releases of libraries, if one does: one that fails inside a statement, one by a table that
it creates, and two of which all schedules pass.
"""


def test_what_is_known_of_libraries_is_found_again(tmp_path: Path) -> None:
    scenarios_of = TARGETS / "libraries" / "scenarios"
    _, document = verify("libraries", tmp_path, *(str(scenarios_of / f"{name}.yaml") for name in RACES))

    scenarios = {one["id"].rpartition("/")[2]: one for one in document["scenarios"]}
    failed = {
        name: next((check["id"] for check in one["checks"] if check["verdict"] == "FAIL"), None)
        for name, one in scenarios.items()
    }
    assert failed == RACES
    assert [name for name, one in scenarios.items() if one["exploration"]["exhausted"]] == [
        name for name, check in RACES.items() if check is None
    ]
    inside = scenarios["knex-0.95.12"]
    assert inside["exploration"]["inside"]["apart"] == {"insert knex_migrations_lock": "pieces"}
    replayed = cronproof_process("replay", inside["counterexample"], "--times", "5")
    assert (replayed.returncode, "5 × still fails" in replayed.stdout) == (1, True), replayed
