"""Tables of a report, for every format, and their rendering in Markdown."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Code:
    """Text that is quoted from a program or a file."""

    text: str


@dataclass(frozen=True)
class Strong:
    """Emphasised text."""

    text: str


@dataclass(frozen=True)
class Link:
    """An abbreviated schedule, with a link to its file."""

    text: str
    file: str


Cell = str | int | Code | Strong | Link | tuple["Cell", ...]


@dataclass(frozen=True)
class Table:
    """A table: head, rows, and a title if the section does not say what it is about."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: Cell = ""


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    """Yields the lines of a table in Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell(value) for value in row)} |"


def cell(value: Cell) -> str:
    """Renders a value in Markdown, escaped so that it is not taken for Markdown or HTML."""
    match value:
        case tuple():
            return "".join(map(cell, value))
        case Code(text):
            return _code(text)
        case Strong(text):
            return f"**{cell(text)}**"
        case Link(text, file):
            return f"[{_code(text)}]({quote(file, safe=_IN_A_PATH)})"
        case _:
            return _MARKUP.sub(r"\\\g<0>", _one_line(str(value)))


_IN_A_PATH = "/+:@=,;!$&'"
"""What a URL's path may hold besides letters, digits, `_.-~`: https://www.rfc-editor.org/rfc/rfc3986#section-3.3."""
# An underscore within a word is no markup: https://spec.commonmark.org/0.31.2/#emphasis-and-strong-emphasis.
_MARKUP = re.compile(r"[\\*`<\[|~]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")


def _code(text: str) -> str:
    """Renders a code span. A backslash before a bar is doubled, since a cell cannot hold it otherwise."""
    text = re.sub(r"(\\*)\|", r"\1\1\\|", _one_line(text))
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _one_line(text: str) -> str:
    """Replaces line ends and control characters by spaces."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)
