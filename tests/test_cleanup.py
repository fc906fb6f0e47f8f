"""Nothing that a run starts outlives it, even if its process is killed."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from cronproof import cleanup
from tests.support import processes
from tests.support.command import RACE, without_progress
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.postgres


def living_in(folder: Path) -> list[str]:
    """The names of the processes with the folder in their command line."""
    return processes.names_with(str(folder))


RULES = ("scenarios/3-race", "scenarios/5-rules")


class Started:
    """A `cronproof verify` in a separate process, with its own temporary folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cronproof", "verify", "--out", str(folder / "reports"), *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_scenarios_run(self) -> Path:
        """Waits for the first scenario to finish, and returns the folder of the run's server."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if re.search(r"^  PASS", line):
                break
        (server,) = self.folder.glob(f"{cleanup.FOLDER_PREFIX}*")
        return server


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket, unlike pytest's."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cp") as folder:
        Path(folder).chmod(0o755)  # the server may run as another user
        yield Path(folder)


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_run_that_is_ended_leaves_nothing(number: signal.Signals, short_folder: Path) -> None:
    run = Started(short_folder, *RULES)
    server = run.until_scenarios_run()
    assert "postgres" in living_in(server)

    run.process.send_signal(number)
    _, errors = run.process.communicate()

    wait_until(lambda: not server.exists() and not living_in(server))
    if number == signal.SIGKILL:
        assert run.process.returncode == -signal.SIGKILL
    else:
        assert (run.process.returncode, without_progress(errors)) == (
            130,
            "cronproof: interrupted; nothing was left behind\n",
        )


def test_a_run_that_is_killed_while_its_server_is_made_leaves_nothing(short_folder: Path) -> None:
    run = Started(short_folder, *RULES)
    wait_until(lambda: bool(list(short_folder.glob("cronproof-*/data/base"))))

    run.process.kill()
    run.process.communicate()

    wait_until(lambda: not list(short_folder.glob("cronproof*")) and not living_in(short_folder))


@pytest.mark.slow
def test_a_run_whose_guard_was_killed_clears_up_itself(short_folder: Path) -> None:
    run = Started(short_folder, "scenarios/3-race")
    server = run.until_scenarios_run()
    (watcher,) = processes.children_with("cronproof.cleanup", run.process.pid)

    watcher.kill()
    _, errors = run.process.communicate()

    assert (run.process.returncode, without_progress(errors)) == (0, "")
    assert not server.exists()
    assert not living_in(server)


@pytest.mark.slow
def test_what_a_killed_guard_left_is_removed_by_the_next_run(short_folder: Path) -> None:
    run = Started(short_folder, *RULES)
    server = run.until_scenarios_run()
    (watcher,) = processes.children_with("cronproof.cleanup", run.process.pid)

    watcher.kill()
    run.process.kill()
    run.process.communicate()
    assert living_in(server)

    Started(short_folder, RACE).process.communicate()
    wait_until(lambda: not server.exists() and not living_in(server))


@pytest.mark.slow
def test_a_run_that_goes_on_is_not_swept_away(short_folder: Path) -> None:
    run = Started(short_folder, "scenarios/3-race")
    server = run.until_scenarios_run()

    run.process.send_signal(signal.SIGSTOP)  # it must not end meanwhile
    Started(short_folder, RACE).process.communicate()

    assert server.exists()
    run.process.send_signal(signal.SIGCONT)
    run.process.communicate()
    assert run.process.returncode == 0


@pytest.mark.slow
def test_two_runs_at_once_do_not_meet(short_folder: Path) -> None:
    runs = [Started(short_folder, "--json", *RULES), Started(short_folder, "--json", *RULES)]

    outputs = [run.process.communicate() for run in runs]

    assert [run.process.returncode for run in runs] == [0, 0], outputs
    assert list(short_folder.glob(f"{cleanup.FOLDER_PREFIX}*")) == []


@pytest.mark.parametrize("files", cleanup.LIMITS, ids=["version 2", "version 1"])
def test_a_container_with_little_memory_has_no_room(
    files: tuple[str, str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, used, statistics, cache = files
    (tmp_path / limit).parent.mkdir(exist_ok=True)
    (tmp_path / limit).write_text(f"{cleanup.ROOM_BYTES + 100}\n")
    (tmp_path / statistics).write_text(f"active_file 5000\n{cache} 200\n")
    (tmp_path / used).write_text("301\n")
    monkeypatch.setattr(cleanup, "CONTROL_GROUP", tmp_path)
    monkeypatch.setattr(cleanup, "MEMORY", tmp_path)
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**60))
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=2**60, f_frsize=1, f_flag=0))

    with cleanup.guarded(in_memory=True) as guard:
        assert guard.folder.parent != tmp_path
    (tmp_path / used).write_text("300\n")
    with cleanup.guarded(in_memory=True) as guard:
        assert guard.folder.parent == tmp_path


@pytest.mark.skipif(not cleanup.MEMORY.is_dir(), reason="only Linux has a file system in memory")
@pytest.mark.parametrize("has_room", [True, False])
def test_a_server_is_in_memory_where_there_is_room(has_room: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cleanup, "ROOM_BYTES", 0 if has_room else 2**60)

    may_run_programs = not os.statvfs(cleanup.MEMORY).f_flag & os.ST_NOEXEC

    with cleanup.guarded(in_memory=True) as guard:
        assert (guard.folder.parent == cleanup.MEMORY) == (has_room and may_run_programs)
