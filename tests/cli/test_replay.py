"""`cronproof replay`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import RACE, Cronproof
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def test_a_replay_still_fails_as_often_as_wanted(cronproof: Cronproof, duplicate: Path) -> None:
    done = cronproof("replay", str(duplicate), "--times", "50")

    assert (done.returncode, done.stderr) == (1, "")
    assert "still fails: no-duplicate: job 32: ********0132 got 2 messages" in done.stdout
    assert done.stdout.endswith("50 times: 50 × still fails\n")


def test_a_fault_that_there_is_not_is_a_mistake(cronproof: Cronproof, duplicate: Path, tmp_path: Path) -> None:
    text = duplicate.read_text()
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace("- A: call", "- A!time-out: call", 1))

    done = cronproof("replay", str(changed))

    assert text != changed.read_text()
    assert (done.returncode, done.stdout) == (2, "")
    assert "the counterexample has a fault 'time-out', and there is none" in done.stderr


def test_a_replay_on_what_was_rewritten_diverges(cronproof: Cronproof, duplicate: Path) -> None:
    done = cronproof("replay", str(duplicate), "--target", "reference")

    assert done.returncode == 4
    assert (
        "diverged: no-duplicate: step 4 should be A: 'select jobs, customers'; A came to 'begin' instead" in done.stdout
    )


def test_a_replay_on_what_was_mended_no_longer_fails(cronproof: Cronproof, tmp_path: Path) -> None:
    broken = tmp_path / "waits.sql"
    broken.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text().replace("skip locked", ""))
    assert cronproof("explore", RACE, "--migration", str(broken), "--out", str(tmp_path)).returncode == 1
    broken.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text())

    done = cronproof("replay", str(tmp_path / "3-race.post-job-followup.counterexample.yaml"))

    assert (done.returncode, done.stderr) == (0, "")
    assert "no longer fails: never-waits: no lock wait" in done.stdout


def test_a_paused_replay_waits_before_every_step_and_says_where_to_look(duplicate: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cronproof", "replay", str(duplicate), "--pause"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        assert "psql '" in process.stdout.readline()
        for _ in range(14):
            assert "[Enter]" in process.stdout.readline()
            process.stdin.write("\n")
        assert process.stdout.readline().startswith("still fails: ")
    assert process.returncode == 1
