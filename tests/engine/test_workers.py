"""Several processes that verify: one that dies, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cronproof.scenario import reader
from tests.support.command import ENDS_SECONDS, interrupted
from tests.support.paths import ROOT
from tests.support.processes import pool_of
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

REMAINING = ROOT / "scenarios" / "8-remaining"
FOLDERS = [str(ROOT / "scenarios" / name) for name in ("2-responses", "5-rules")]
"""Enough scenarios that a second process is started."""


def test_what_a_process_has_died_of_is_verified_by_another(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cronproof", "verify", *FOLDERS, "--json", "--out", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        try:
            os.kill(worker_of(run.pid), signal.SIGKILL)
            output, _ = run.communicate(timeout=ENDS_SECONDS)
        finally:
            run.kill()
        document = json.loads(output)

    assert (run.returncode, document["verdict"]) == (0, "PASS")
    ids = [scenario["id"] for scenario in document["scenarios"]]
    assert ids == [file.id for file in reader.read_scenarios(reader.find_files([Path(folder) for folder in FOLDERS]))]


def test_ctrl_c_ends_several_processes_and_tells_what_was_found(tmp_path: Path) -> None:
    code, output, _ = interrupted("verify", str(REMAINING), "--out", str(tmp_path))

    assert code == 130
    assert "INCONCLUSIVE  delivery       interrupted" in output
    assert (tmp_path / "latest" / "sign-off.md").exists()


def worker_of(pid: int) -> int:
    """Waits for the worker process of another process, and returns its id."""
    workers: list[int] = []

    def has_started() -> bool:
        workers[:] = [child.pid for child in pool_of(pid)]
        return bool(workers)

    wait_until(has_started)
    return workers[0]
