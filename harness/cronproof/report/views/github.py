"""GitHub Actions: failures on the lines of their scenarios, and the report as the step's summary.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import os
from collections.abc import Iterator
from pathlib import Path

from cronproof.evidence.finding import Verdict
from cronproof.report.data.document import Document
from cronproof.report.views import markdown

SUMMARY_BYTES = 1024 * 1024
"""The limit of a step's summary. GitHub shows nothing of a longer one."""
LEVELS: dict[Verdict, str] = {"FAIL": "error", "INCONCLUSIVE": "warning"}
MORE = "\n\n*It is longer than what GitHub shows: the whole report is among the files of the run.*\n"


def is_there() -> bool:
    """Whether this runs in a workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotated(document: Document) -> Iterator[str]:
    """Yields a workflow command that annotates each check that did not pass."""
    for scenario in document.scenarios:
        for check in scenario.checks:
            if check.verdict != "PASS":
                place = f"file={_property(document.directory_of(scenario.file))},line={check.line}"
                title = _property(f"{check.verdict} {check.id}: {scenario.title}")
                yield f"::{LEVELS[check.verdict]} {place},title={title}::{_data(check.message)}"


def folded(title: str, lines: str) -> str:
    """Wraps lines in a group that is folded below a title."""
    return f"::group::{_data(title)}\n{lines}::endgroup::\n"


def harmless(text: str) -> str:
    """Escapes a text so that no line is taken for a workflow command."""
    lines = text.split("\n")
    return "\n".join(f"\u200b{line}" if line.lstrip().startswith(("::", "##[")) else line for line in lines)


def summarise(document: Document) -> None:
    """Writes the step's summary, if it has one: the report or, if it is too long, its beginning."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as summary:
        summary.write(fitting(document, SUMMARY_BYTES - Path(file).stat().st_size))


def fitting(document: Document, limit_bytes: int) -> str:
    """Returns as much of the report as fits, cut at the end of a line."""
    for text in (markdown.render(document), markdown.head(document) + MORE):
        if len(text.encode()) <= limit_bytes:
            return text
    room = limit_bytes - len(MORE.encode())
    cut = markdown.head(document).encode()[: max(room, 0)].decode(errors="ignore")
    return cut[: cut.rfind("\n") + 1] + MORE if room > 0 else ""


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
