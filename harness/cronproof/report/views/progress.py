"""Progress of a long exploration: one line, rewritten on a terminal, else repeated."""

import shutil
import sys
import time
from collections.abc import Callable

from cronproof.explore.explorer import Coverage

FIRST_LINE_SECONDS = 1.0
TERMINAL_SECONDS = 0.2
LOG_SECONDS = 10.0


class Progress:
    """Writes to standard error, so that programs can read standard output."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._every_seconds = TERMINAL_SECONDS if self._terminal else LOG_SECONDS
        self._next = 0.0
        self._width = 0

    def show(self, text: Callable[[], str], started: float) -> None:
        """Shows the progress of what started at `started`, unless it was shown just now."""
        now = time.monotonic()
        first_seconds = FIRST_LINE_SECONDS if self._terminal else LOG_SECONDS
        self._next = max(self._next, started + first_seconds)
        if now >= self._next:
            self._next = now + self._every_seconds
            self._write(text())

    def clear(self) -> None:
        """Erases the line."""
        self._next = 0.0
        if self._width:
            print("\r" + " " * self._width, end="\r", file=sys.stderr, flush=True)  # noqa: T201  (see the class)
            self._width = 0

    def warn(self, text: str) -> None:
        """Writes a line that stays."""
        self.clear()
        print(f"cronproof: {text}", file=sys.stderr, flush=True)  # noqa: T201  (see the class)

    def _write(self, text: str) -> None:
        if self._terminal:
            text = text[: shutil.get_terminal_size().columns - 1]  # wrapping prevents rewriting
            print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)  # noqa: T201  (see the class)
            self._width = len(text)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201  (see the class)


def line(coverage: Coverage) -> str:
    """Describes the progress in a line."""
    left = f"{coverage.pending} known to be left"
    if coverage.estimate is not None and coverage.estimate > coverage.schedules:
        seconds = (coverage.estimate - coverage.schedules) / max(coverage.rate, 1e-9)
        left = f"about {coverage.estimate - coverage.schedules} left, {seconds:.0f} s"
    failures = f"{len(coverage.failing)} failed" if coverage.failing else "none failed"
    recorded = f" ({coverage.recorded} of them before)" if coverage.recorded else ""
    return f"{coverage.schedules} schedules{recorded}, {left}, {coverage.rate:.0f} a second, {failures}"
