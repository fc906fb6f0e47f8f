"""The terminal."""

import io

from rich.console import Console

from cronproof.report.views.terminal import Terminal
from tests.support.documents import RESULT


def test_the_terminal_takes_markup_for_text() -> None:
    output = io.StringIO()
    terminal = Terminal(Console(file=output), "reference")

    terminal.finished(RESULT)
    terminal.summary([RESULT], 1.0)

    assert "[bold]|pipe|" in output.getvalue()
    assert "FAIL  exclusive" in output.getvalue()
