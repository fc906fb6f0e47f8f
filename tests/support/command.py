"""The command as users call it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol
from unittest import mock

from cronproof.__main__ import main
from tests.support.paths import ROOT

RACE = "scenarios/3-race/post-job-followup.yaml"
PROGRESS = re.compile(r"^(\w+: )?\d+ (schedules|of \d+)\b.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """What a command has printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str
    """Without the lines of progress."""


class Cronproof(Protocol):
    """The command on the test run's own server, in this process."""

    def __call__(self, *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> Done: ...


def run_command(*arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> Done:
    """Runs the command in this process, which has loaded it already: most of a short run is loading."""
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, environment or {}),
        mock.patch.object(sys, "argv", ["cronproof", *arguments]),
        _redirected("stdout", output),
        _redirected("stderr", errors),
    ):
        try:
            returncode = 0
            main()
        except SystemExit as ended:
            returncode = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            for number, handler in signals.items():
                signal.signal(number, handler)
            sys.stdout.flush()
            sys.stderr.flush()
        return Done(returncode, _text(output), without_progress(_text(errors)))


@contextlib.contextmanager
def _redirected(name: Literal["stdout", "stderr"], file: IO[bytes]) -> Iterator[None]:
    """Redirects a stream of this process, and that of the processes it starts, into a file."""
    stream, number = getattr(sys, name), 1 if name == "stdout" else 2
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        with open(number, "w", encoding="utf-8", closefd=False) as redirected:
            setattr(sys, name, redirected)
            yield
    finally:
        setattr(sys, name, stream)
        os.dup2(kept, number)
        os.close(kept)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def without_progress(errors: str) -> str:
    """Removes the lines of progress: how many there are depends on how fast the machine is."""
    return PROGRESS.sub("", errors)


def cronproof_process(*arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> Done:
    """Runs the command in a process of its own, for a test that cannot have it in this one."""
    command = [sys.executable, "-P", "-m", "cronproof", *arguments]
    of_process = os.environ | (environment or {})
    done = subprocess.run(command, cwd=folder, env=of_process, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, without_progress(done.stderr))


ENDS_SECONDS = 60


def interrupted(*arguments: str) -> tuple[int, str, str]:
    """Interrupts at the first progress line. Returns exit code, output and that line."""
    terminal, stderr = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cronproof", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:
        os.close(stderr)
        progress = os.read(terminal, 200).decode()
        process.send_signal(signal.SIGINT)
        # Keep reading: a terminal blocks its writer after a few thousand unread characters.
        reading = threading.Thread(target=_read_on, args=(terminal,))
        reading.start()
        try:
            output, _ = process.communicate(timeout=ENDS_SECONDS)
        finally:
            process.kill()
            reading.join()
    os.close(terminal)
    return process.returncode, output, progress


def _read_on(terminal: int) -> None:
    with contextlib.suppress(OSError):  # the writer has closed it
        while os.read(terminal, 4096):
            pass
