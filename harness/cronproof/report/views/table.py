"""Tables as they stand in every format of a report, and how they are written in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """What is quoted from a program or a file."""

    text: str


@dataclass(frozen=True)
class Strong:
    """What is to be seen at once."""

    text: str


@dataclass(frozen=True)
class Link:
    """A schedule in a few characters, and its file."""

    text: str
    file: str


Cell = str | int | Code | Strong | Link | tuple["Cell", ...]


@dataclass(frozen=True)
class Table:
    """Rows below a head, and what they are about, where the section does not say it."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: Cell = ""


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell(value) for value in row)} |"


def cell(value: Cell) -> str:
    """A value as it can stand in a table, or a line: nothing that is in it is taken for Markdown, or for HTML."""
    match value:
        case tuple():
            return "".join(map(cell, value))
        case Code(text):
            fence = "``" if "`" in text else "`"
            return f"{fence}{_one_line(text)}{fence}"
        case Strong(text):
            return f"**{cell(text)}**"
        case Link(text, file):
            return f"[`{_one_line(text)}`]({file})"
        case _:
            return re.sub(r"([*`<\[])", r"\\\1", _one_line(str(value)))


def _one_line(text: str) -> str:
    """Without what would end the line, or the cell; and without control characters, which no format shows."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", " ", text).replace("|", "\\|")
