"""The command as users call it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.support.paths import ROOT

RACE = "scenarios/3-race/post-job-followup.yaml"


def cronproof(
    *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "cronproof", *arguments],
        cwd=folder,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )


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
