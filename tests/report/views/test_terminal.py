"""The terminal."""

import io
from dataclasses import replace

from rich.console import Console

from cronproof.engine.evaluate import CheckResult
from cronproof.report.views.terminal import Terminal
from tests.support.documents import RESULT


def test_the_terminal_takes_markup_for_text() -> None:
    output = io.StringIO()
    terminal = Terminal(Console(file=output), "reference")

    terminal.finished(RESULT)
    terminal.summary([RESULT], 1.0)

    assert "[bold]|pipe|" in output.getvalue()
    assert "FAIL  exclusive" in output.getvalue()


def test_one_reason_for_several_checks_is_told_once() -> None:
    output = io.StringIO()
    terminal = Terminal(Console(file=output, width=200), "reference")
    why = "the budget of 5 s is used up"
    result = replace(RESULT, checks=[CheckResult(name, "INCONCLUSIVE", why) for name in ("exclusive", "no-loss")])

    terminal.finished(result)
    terminal.summary([result], 1.0)

    told = [line.strip() for line in output.getvalue().splitlines() if "exclusive" in line or "no-loss" in line]
    assert told == [
        f"INCONCLUSIVE  exclusive      {why}",
        "INCONCLUSIVE  no-loss        as above",
        f"folder/hostile: exclusive, no-loss: {why}",
    ]
