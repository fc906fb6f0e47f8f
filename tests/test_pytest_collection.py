"""`pytest scenarios`: one test for each scenario file, with readable failures."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres

RACE = "scenarios/3-race/post-job-followup.yaml"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_scenarios_are_tests() -> None:
    done = run(RACE, "scenarios/1-functions")

    assert done.returncode == 0
    assert "5 passed" in done.stdout


def test_a_failure_names_the_check_the_job_and_the_steps() -> None:
    done = run(RACE, "--cronproof-target", "legacy")

    assert done.returncode == 1
    assert "Two instances of post-job-followup at once claim job 32 once" in done.stdout
    assert "  FAIL  no-duplicate: job 32: ********0132 got 2 messages: #1 by A" in done.stdout
    assert "the shortest schedule:\n" in done.stdout
    assert "✗ no-duplicate: job 32: " in done.stdout
    assert "Traceback" not in done.stdout


def test_a_scenario_that_is_none_is_told_without_the_source(tmp_path: Path) -> None:
    test = tmp_path / "test_race.py"
    test.write_text(
        "def test_race(cronproof):\n"
        "    cronproof.explore('post-job-followup', rows={}, instances=2, faults=['dyes']).must('exclusive')\n"
    )

    done = run(str(test), "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"))

    assert done.returncode == 1
    assert "there is no fault 'dyes'; did you mean 'dies'?" in done.stdout
    assert "def compile" not in done.stdout


def test_an_environment_that_fails_is_one_line() -> None:
    done = run(RACE, "--cronproof-postgres", "host=127.0.0.1 port=1")

    assert done.returncode == 1
    assert "no Postgres answers at given 127.0.0.1:1" in done.stdout
    assert "Traceback" not in done.stdout
