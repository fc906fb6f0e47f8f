"""The guard: a small process that cleans up after a run, however the run ends.

The run writes what it starts to the guard's standard input, one JSON object per line:
`{"folder": FOLDER}` (the folder, its embedded Postgres, and the processes marked with it) or
`{"containers": FOLDER}` (the containers labelled with it). When the run ends or dies, the pipe
closes. Then the guard stops and removes everything. Its own session shields it from Ctrl-C.

If the guard is killed too, `sweep` cleans up when cronproof runs next. The run and the guard hold
a lock on a file in the folder, so a folder whose lock is free is abandoned.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from docker.models.containers import Container

FOLDER_PREFIX = "cronproof-"
UNLOCKED_PREFIX = "cronproof.new-"
CONTAINER_LABEL = "cronproof.folder"
MARK = "CRONPROOF_FOLDER"
"""The environment variable that marks the processes of a run and their descendants."""
MARKED = "processes"
HOST_LABEL = "cronproof.host"
MEMORY = Path("/dev/shm")  # noqa: S108  (mkdtemp's folder is private)
"""A file system in memory, where Linux has one. To make and drop databases costs a third less there."""
ROOM_BYTES = 4 * 2**30
"""A server's folder has some 400 MB at most; what is free besides is the applications'."""
CONTROL_GROUP = Path("/sys/fs/cgroup")
"""Where a container sees its own control group."""
LIMITS = [
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
]
"""The limit and the use of memory in bytes, and what of it the kernel can take back, in version 2 and
in version 1 of control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files.
"""
STOP_SECONDS = 5.0
POLL_SECONDS = 0.002


class Guard:
    """The run's end of the pipe, and the folder that belongs to the run."""

    def __init__(self, folder: Path, lock: IO[bytes]) -> None:
        self.folder = folder
        self.children: list[subprocess.Popen[bytes]] = []
        """Children of this process that the guard stops. Kept here to be reaped."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "cronproof.cleanup",
            ],  # -P: do not import a `cronproof` folder from the working directory
            stdin=subprocess.PIPE,
            pass_fds=[lock.fileno()],
            start_new_session=True,
            text=True,
        )

    def watch(self, **started: str) -> None:
        """Tells the guard what will be started: `folder=FOLDER` or `containers=FOLDER`."""
        assert self._process.stdin is not None  # noqa: S101  (for the type checker: stdin is a pipe)
        self._process.stdin.write(json.dumps(started) + "\n")
        self._process.stdin.flush()

    def marked(self) -> dict[str, str]:
        """Returns the environment that marks new processes, so that they are killed at the end."""
        (self.folder / MARKED).touch()
        return {MARK: str(self.folder)}

    def clear(self) -> None:
        """Has the guard stop and remove everything, and waits for it."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()
        if self._process.wait() != 0:  # it was killed, so clean up here
            _clear_folder(self.folder)
        for child in self.children:
            child.wait(STOP_SECONDS)


@contextlib.contextmanager
def guarded(*, in_memory: bool = False) -> Iterator[Guard]:
    """Starts a guard with a new folder, in memory if it may be and there is room. When the block ends,
    all that it watches is gone.
    """
    root = MEMORY if in_memory and _may_be_in_memory() and _has_room(MEMORY) else _temporary()
    # The folder gets the name that `sweep` looks for only once its lock is held.
    unlocked = Path(tempfile.mkdtemp(prefix=UNLOCKED_PREFIX, dir=root))
    with (unlocked / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = unlocked.rename(unlocked.with_name(unlocked.name.replace(UNLOCKED_PREFIX, FOLDER_PREFIX)))
        guard = Guard(folder, lock)
        guard.watch(folder=str(folder))
        try:
            yield guard
        finally:
            guard.clear()


def sweep() -> None:
    """Removes what is left of runs that were killed together with their guard."""
    roots = [_temporary(), *([MEMORY] if MEMORY.is_dir() else [])]
    for folder in (folder for root in roots for folder in root.glob(f"{FOLDER_PREFIX}*")):
        with contextlib.suppress(OSError):  # another user's folder, or gone by now
            if _abandoned(folder):
                _clear_folder(folder)


def _temporary() -> Path:
    # A Unix socket path holds about 100 bytes, and a comma in it would separate two hosts. So a
    # long TMPDIR, as on macOS, or one with unusual characters cannot be used.
    root = tempfile.gettempdir()
    return Path(root if re.fullmatch(r"[\w./-]{1,60}", root) else "/tmp")  # noqa: S108  (mkdtemp's folder is private)


def _may_be_in_memory() -> bool:
    """Whether nobody has chosen where temporary files are, and there is a file system in memory."""
    return MEMORY.is_dir() and not any(map(os.environ.get, ("TMPDIR", "TEMP", "TMP")))


def _has_room(memory: Path) -> bool:
    """Whether a server's folder fits into this file system, which is in memory, and programs can run there."""
    system = os.statvfs(memory)
    free_bytes = min(system.f_bavail * system.f_frsize, psutil.virtual_memory().available, *_left_by_limits())
    return os.access(memory, os.W_OK) and not system.f_flag & os.ST_NOEXEC and free_bytes >= ROOM_BYTES


def _left_by_limits() -> Iterator[int]:
    """Yields how many bytes the limits of a container leave, which `available` does not know."""
    for limit, used, statistics, cache in LIMITS:
        with contextlib.suppress(OSError, ValueError, KeyError):  # another version, or no limit ("max")
            left = int((CONTROL_GROUP / limit).read_text()) - int((CONTROL_GROUP / used).read_text())
            counts = dict(line.split() for line in (CONTROL_GROUP / statistics).read_text().splitlines())
            yield left + int(counts[cache])


def _abandoned(folder: Path) -> bool:
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:  # its owner is removing it
        return False
    return True


def _clear_folder(folder: Path) -> None:
    """Stops the folder's processes and removes it, the lock last, so that `sweep` can retry."""
    if (folder / MARKED).exists():
        _kill_marked(folder)
    data = folder / "data"
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        postmaster = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        if str(data) in postmaster.cmdline():  # not another process that got the pid later
            postmaster.send_signal(signal.SIGQUIT)  # immediate shutdown, without a checkpoint
            if not _ended(postmaster):
                postmaster.kill()
                _ended(postmaster)
    deadline = time.monotonic() + STOP_SECONDS
    while _content(folder) and time.monotonic() < deadline:
        for path in _content(folder):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if _content(folder):  # initdb continues after the run that called it was killed
            _kill_those_that_name(data)
            time.sleep(POLL_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _kill_marked(folder: Path) -> None:
    """Kills a run's processes and their descendants until none is left, or time is up."""
    deadline = time.monotonic() + STOP_SECONDS
    while (marked := list(find_marked({MARK: str(folder)}))) and time.monotonic() < deadline:
        for process in marked:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(POLL_SECONDS)


def find_marked(marks: Mapping[str, str], *, after: int = 0) -> Iterator[psutil.Process]:
    """Yields the running processes whose environment has these values. `after`: only those with a greater number."""
    for pid in (pid for pid in psutil.pids() if pid > after):
        with contextlib.suppress(psutil.Error, OSError):  # another user's, or gone by now
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE and marks.items() <= process.environ().items():
                yield process


def _content(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.name != "lock"]


def _kill_those_that_name(data: Path) -> None:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(data) in process.cmdline():
                process.kill()


def _ended(process: psutil.Process) -> bool:
    """Waits for a process that need not be a child. A zombie counts as ended."""
    deadline = time.monotonic() + STOP_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def sweep_containers() -> None:
    """Removes this host's containers whose run and guard are both gone."""
    with _our_containers() as containers:
        for container in containers:
            folder = Path(container.labels[CONTAINER_LABEL])
            with contextlib.suppress(OSError):  # another user's folder: not ours to judge
                if not folder.exists() or _abandoned(folder):
                    _remove(container)


@contextlib.contextmanager
def _our_containers() -> Iterator[list[Container]]:
    import docker  # noqa: PLC0415  (a third of a second that only container runs should pay)

    filters: dict[str, str | list[str] | bool] = {"label": [CONTAINER_LABEL, f"{HOST_LABEL}={socket.gethostname()}"]}
    with contextlib.closing(docker.from_env()) as client:
        yield client.containers.list(all=True, filters=filters)


def _remove(container: Container) -> None:
    import docker  # noqa: PLC0415  (as above)

    with contextlib.suppress(docker.errors.DockerException):  # gone by now
        container.remove(force=True, v=True)


def main() -> None:
    """Reads standard input until it closes, then cleans up."""
    watched = [json.loads(line) for line in sys.stdin]
    for started in reversed(watched):
        match started:
            case {"folder": folder}:
                _clear_folder(Path(folder))
            case {"containers": folder}:
                with _our_containers() as containers:
                    for container in containers:
                        if container.labels[CONTAINER_LABEL] == folder:
                            _remove(container)


if __name__ == "__main__":
    os.chdir("/")
    main()
