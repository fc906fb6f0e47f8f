"""Progress of a long exploration."""

import sys
import time
from functools import partial

import pytest

from cronproof.explore.explorer import Coverage
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.report.views.progress import LOG_SECONDS, TERMINAL_SECONDS, Progress, line


def shown(monkeypatch: pytest.MonkeyPatch, *after_seconds: float, terminal: bool = False) -> None:
    """Asks at these times for the progress of what started at 0."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    progress = Progress()
    for number, seconds in enumerate(after_seconds):
        monkeypatch.setattr(time, "monotonic", partial(float, seconds))
        progress.show(f"line {number}".strip, 0.0)
    progress.clear()


def test_in_a_log_lines_are_rare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown(monkeypatch, 1, LOG_SECONDS, LOG_SECONDS + 1, 2 * LOG_SECONDS)

    assert capsys.readouterr().err == "line 1\nline 3\n"


def test_on_a_terminal_one_line_is_rewritten_and_erased(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown(monkeypatch, 0.5, 1, 1 + TERMINAL_SECONDS / 2, 1 + TERMINAL_SECONDS, terminal=True)

    assert capsys.readouterr().err == "\rline 1\rline 3\r      \r"


def test_the_line_says_how_many_are_left_and_how_many_failed() -> None:
    coverage = Coverage("all", schedules=50, pending=3)
    assert line(coverage).startswith("50 schedules, 3 known to be left, ")
    assert line(coverage).endswith(" a second, none failed")

    coverage.estimate, coverage.recorded = 70, 10
    coverage.failing.append(ExecutedSchedule(WorkItem()))
    assert line(coverage).startswith("50 schedules (10 of them before), about 20 left, ")
    assert line(coverage).endswith(" a second, 1 failed")
