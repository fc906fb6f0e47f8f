"""The table of the remaining crons, and scenarios with pairs, slow ones and clocks."""

import json
import re
from pathlib import Path

import pytest

from tests.support import reference
from tests.support.command import Cronproof
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


REMAINING = ROOT / "scenarios" / "8-remaining"


TRIED_AGAIN = ("check-timeouts", "crew-briefing", "ghl-followups", "process-scheduled-tasks")
"""Those of the seven whose schedules are few."""
DOCS = ROOT / "docs" / "remaining-crons.md"


@pytest.mark.slow
def test_the_table_of_the_documentation_is_printed_again_and_every_weakness_that_is_left_replays(
    cronproof: Cronproof,
    tmp_path: Path,
) -> None:
    files = [str(file) for cron in TRIED_AGAIN for file in sorted(REMAINING.glob(f"{cron}*.yaml"))]
    done = cronproof("risks", *files, "--slow", "--target", "legacy", "--target", "hardened", "--out", str(tmp_path))

    assert done.returncode == 0, done.stdout
    table = (tmp_path / "risks.md").read_text()
    shown = re.sub(r"\[(`[^`]+`)\]\([^)]+\)", r"\1", table).splitlines()
    lines = DOCS.read_text().splitlines()
    rows = [line for line in shown if line.startswith("|")]
    assert len(rows) >= 2 + 2 * len(TRIED_AGAIN)
    assert [line for line in rows if line not in lines] == []
    left = re.findall(r"\((hardened/\S+known\S+)\)", table[table.index("Known limits of `hardened`") :])
    assert left
    for file in left[:2]:
        again = cronproof("replay", str(tmp_path / file))
        assert (again.returncode, "still fails" in again.stdout) == (1, True), again.stdout


def test_a_known_limit_is_no_failure_and_its_schedule_is_saved_and_replayed(
    cronproof: Cronproof, tmp_path: Path
) -> None:
    done = cronproof("verify", str(REMAINING / "ghl-followups.yaml"), "--out", str(tmp_path), "--json")

    (scenario,) = json.loads(done.stdout)["scenarios"]
    assert (done.returncode, scenario["verdict"]) == (0, "PASS")
    assert scenario["exploration"]["exhausted"] is True
    assert scenario["exploration"]["anomalies"] == {"duplicate": 4}
    (known,) = scenario["known"]
    assert known["message"].endswith("its message was accepted twice, as is known")
    again = cronproof("replay", known["counterexample"], "--times", "2")
    assert (again.returncode, "2 × still fails" in again.stdout) == (1, True), again.stdout
    mended = cronproof(
        "replay", known["counterexample"], "--target", "hardened",
        *(f"--migration={ROOT / 'sql' / name}" for name in ("06-cron-locking.sql", "07-claim-leases.sql", "08-message-notices.sql")),
    )  # fmt: skip
    assert mended.returncode == 4, mended.stdout  # diverged: it claims first


def test_pairs_are_scenarios_of_their_own_with_one_line_each(cronproof: Cronproof, tmp_path: Path) -> None:
    file = tmp_path / "three.yaml"
    text = (REMAINING / "pairs.yaml").read_text()
    crons = "  call: [post-job-followup, ghl-followups, crew-briefing]\n"
    text = re.sub(r"  call:\n(    - \S+\n)+", crons, text)
    file.write_text(re.sub(r"      known:\n(        .*\n)+", "", text).replace("no-interference:", "no-interference"))

    done = cronproof("verify", str(file), "--out", str(tmp_path), "--json")

    scenarios = {scenario["id"].partition(":")[2]: scenario for scenario in json.loads(done.stdout)["scenarios"]}
    assert {pair: scenario["verdict"] for pair, scenario in scenarios.items()} == {
        "post-job-followup+ghl-followups": "FAIL",
        "post-job-followup+crew-briefing": "PASS",
        "ghl-followups+crew-briefing": "PASS",
    }
    lines = (tmp_path / "latest" / "sign-off.md").read_text().splitlines()
    assert len([line for line in lines if line.startswith("| post-job-followup | ghl-followups | ")]) == 1
    failing = scenarios["post-job-followup+ghl-followups"]["counterexample"]
    again = cronproof("replay", failing)
    assert (again.returncode, "of ghl-followups and post-job-followup" in again.stdout) == (1, True), again.stdout
    explored = cronproof("explore", str(file))
    assert (explored.returncode, "calls every pair of 3 crons; run it with `cronproof verify`" in explored.stderr) == (
        2,
        True,
    )


def test_slow_scenarios_are_left_out_unless_they_are_named(cronproof: Cronproof, tmp_path: Path) -> None:
    for name, slow in (("quick", "false"), ("long", "true")):
        scenario = (
            f"title: t\nwhy: w\ntest: responses\nslow: {slow}\nwhen: {{call: crew-briefing}}\nthen:\n  - status: 200\n"
        )
        (tmp_path / "scenarios" / f"{name}.yaml").parent.mkdir(exist_ok=True)
        (tmp_path / "scenarios" / f"{name}.yaml").write_text(scenario)

    def ids(*arguments: str) -> list[str]:
        done = cronproof("verify", *arguments, "--json", "--out", str(tmp_path / "out"))
        return [scenario["id"] for scenario in json.loads(done.stdout)["scenarios"]]

    folder = str(tmp_path / "scenarios")
    assert ids(folder, "--slow") == ["scenarios/long", "scenarios/quick"]
    assert ids(folder) == ["scenarios/quick"]
    (tmp_path / "scenarios" / "quick.yaml").unlink()
    none = cronproof("verify", folder, "--out", str(tmp_path / "out"))
    assert (none.returncode, "are slow; run them with --slow" in none.stderr) == (2, True)


def test_the_clock_of_another_process_cannot_be_set(cronproof: Cronproof, tmp_path: Path) -> None:
    (tmp_path / "cronproof.toml").write_text(
        '[targets.app]\ncommand = ["python3", "-m", "http.server", "{port}"]\n' + reference.DECLARED + reference.WORK
    )

    done = cronproof(
        "verify", str(REMAINING / "send-reminders-spring.yaml"), "--config", str(tmp_path / "cronproof.toml"), "--out", str(tmp_path)
    )  # fmt: skip

    assert done.returncode == 4, done.stdout
    assert "the clock of app cannot be set: only that of crons in this process can" in done.stdout
