"""explore and replay as their users call them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_cli import RACE, cronproof

pytestmark = pytest.mark.postgres

THREE = "scenarios/3-race/three-instances.yaml"


@pytest.fixture(scope="module")
def duplicate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The counterexample of the crons before the fix."""
    folder = tmp_path_factory.mktemp("legacy")
    done = cronproof("explore", RACE, "--target", "legacy", "--out", str(folder))
    assert (done.returncode, done.stderr) == (1, "")
    (folder / "stdout").write_text(done.stdout)
    return folder / "3-race.post-job-followup.counterexample.yaml"


def test_the_duplicate_is_drawn_with_its_shortest_schedule(duplicate: Path) -> None:
    drawn = (duplicate.parent / "stdout").read_text().partition("The shortest schedule that fails no-duplicate:")[2]

    lines = [line.rstrip() for line in drawn.splitlines() if line.strip()]
    assert lines[0].split() == ["A", "B"]
    steps = [line.split(maxsplit=1)[1] for line in lines[1:] if line.split()[0].isdigit()]
    assert len(steps) == 12
    (broken,) = [number for number, line in enumerate(lines) if "✗ no-duplicate: job 32: ********0132 got 2" in line]
    assert lines[broken - 1].endswith("message #2 to ********0132 accepted")
    assert "+12125550132" not in drawn


def test_every_schedule_of_the_reference_is_run_and_none_fails(tmp_path: Path) -> None:
    reduced = json.loads(cronproof("explore", RACE, "--out", str(tmp_path), "--json").stdout)["scenarios"][0]
    done = cronproof("explore", RACE, "--out", str(tmp_path), "--json", "--interleavings", "all-unreduced")
    every = json.loads(done.stdout)["scenarios"][0]

    assert reduced["verdict"] == every["verdict"] == "PASS"
    assert reduced["exploration"]["exhausted"]
    assert every["exploration"]["exhausted"]
    assert every["exploration"]["schedules"] > 10 * reduced["exploration"]["schedules"]
    assert every["exploration"]["distinct_outcomes"] == reduced["exploration"]["distinct_outcomes"] == 2
    assert "counterexample" not in every
    assert not list(tmp_path.iterdir())


def test_the_result_does_not_depend_on_the_number_of_workers(duplicate: Path, tmp_path: Path) -> None:
    of_one = cronproof("explore", THREE, "--out", str(tmp_path / "1"), "--json")
    of_two = cronproof("explore", THREE, "--out", str(tmp_path / "2"), "--json", "--workers", "2")
    failing = cronproof("explore", RACE, "--target", "legacy", "--out", str(tmp_path), "--workers", "2")

    one, two = (json.loads(done.stdout)["scenarios"][0] for done in (of_one, of_two))
    for result in (one, two):
        del result["exploration"]["seconds"]
    assert one == two
    assert failing.returncode == 1
    assert (tmp_path / duplicate.name).read_text() == duplicate.read_text()


def test_without_skip_locked_it_is_shown_who_waits_for_whom(tmp_path: Path) -> None:
    file = tmp_path / "waits.sql"
    file.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text().replace("skip locked", ""))

    done = cronproof("explore", RACE, "--migration", str(file), "--out", str(tmp_path))

    assert done.returncode == 1
    assert "select claim_jobs_for_followup()    B waits for A" in done.stdout


def test_a_bound_is_not_all(tmp_path: Path) -> None:
    done = cronproof("explore", RACE, "--out", str(tmp_path), "--interleavings", "preemptions:1", "--json")

    exploration = json.loads(done.stdout)["scenarios"][0]["exploration"]
    assert done.returncode == 0
    assert (exploration["strategy"], exploration["exhausted"]) == ("preemptions:1", False)


def test_when_the_budget_ends_nothing_is_proven(tmp_path: Path) -> None:
    done = cronproof("explore", RACE, "--out", str(tmp_path), "--interleavings", "all-unreduced", "--budget", "0.2")

    assert done.returncode == 4
    assert "INCONCLUSIVE  no-duplicate   the budget had ended" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scenarios"], "cronproof: scenarios is a folder; name one scenario file in it"),
        (["nowhere.yaml"], "cronproof: no scenario at nowhere.yaml"),
        (["scenarios/2-responses/by-post.yaml"], "calls fewer than two instances: there is nothing to explore"),
        (
            [RACE, "--interleavings", "some"],
            "cronproof: --interleavings 'some' is none of: all, all-unreduced, preemptions:N",
        ),
        ([RACE, "--interleavings", "preemptions:x"], "cronproof: --interleavings 'preemptions:x' is none of"),
    ],
)
def test_what_cannot_be_explored_is_told_in_a_line(arguments: list[str], message: str) -> None:
    done = cronproof("explore", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_replay_still_fails_as_often_as_wanted(duplicate: Path) -> None:
    done = cronproof("replay", str(duplicate), "--times", "50")

    assert (done.returncode, done.stderr) == (1, "")
    assert "still fails: no-duplicate: job 32: ********0132 got 2 messages" in done.stdout
    assert done.stdout.endswith("50 times: 50 × still fails\n")


def test_a_replay_on_what_was_rewritten_diverges(duplicate: Path) -> None:
    done = cronproof("replay", str(duplicate), "--target", "reference")

    assert done.returncode == 4
    assert (
        "diverged: no-duplicate: step 4 should be A: 'select jobs, customers'; A came to 'begin' instead" in done.stdout
    )


def test_a_replay_on_what_was_mended_no_longer_fails(tmp_path: Path) -> None:
    broken = tmp_path / "waits.sql"
    broken.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text().replace("skip locked", ""))
    assert cronproof("explore", RACE, "--migration", str(broken), "--out", str(tmp_path)).returncode == 1
    broken.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text())

    done = cronproof("replay", str(tmp_path / "3-race.post-job-followup.counterexample.yaml"))

    assert (done.returncode, done.stderr) == (0, "")
    assert "no longer fails: never-waits: no lock wait" in done.stdout


def test_a_paused_replay_waits_before_every_step_and_says_where_to_look(duplicate: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "replay", str(duplicate), "--pause"],
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
        for _ in range(12):
            assert "[Enter]" in process.stdout.readline()
            process.stdin.write("\n")
        assert process.stdout.readline().startswith("still fails: ")
    assert process.returncode == 1


def test_ctrl_c_tells_what_was_found_until_then(tmp_path: Path) -> None:
    terminal, stderr = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "explore", THREE, "--out", str(tmp_path), "--interleavings", "all-unreduced"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        assert process.stdout is not None
        progress = os.read(terminal, 200).decode()
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    os.close(terminal)
    os.close(stderr)
    assert re.search(r"^\r\d+ schedules, about \d+ left, \d+ s, \d+ a second, none failed", progress)
    assert process.returncode == 130
    assert "INCONCLUSIVE  no-duplicate   interrupted" in output
    assert "(all-unreduced, ended before all were run)" in output
