"""Scheduling points: the moments at which the harness can hold an instance."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["start", "statement", "inside", "call", "answer"]

Depth = Literal["pieces", "rows"]
"""How far a statement is taken apart.

pieces  it is held when its snapshot is taken, between the statements of functions and, if it is a
        transaction of its own, before its first row
rows    it is held before every row as well
"""

Apart = Mapping[str, Depth]
"""The statements that are taken apart, by name (`names.py`). All others stay whole."""

EVERY_STATEMENT = "*"
"""In place of the name of a statement that is taken apart."""
_LABEL_CHARACTERS = 60
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_REQUEST = re.compile(r"/\* ([A-Z]+ /\S+) \*/ ")
_VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+\b")


def without_comments(statement: str) -> str:
    """Returns a statement without its comments."""
    return _COMMENT.sub(" ", statement)


@dataclass(frozen=True)
class Point:
    """What an instance is about to do.

    start      the instance is called
    statement  it sends SQL: one statement, or one pipelined batch; `text` is the SQL
    inside     it is in the middle of a statement; `text` says which part and where
    call       it calls a service; `text` is the service, the method and the path
    answer     the service has acted on the call, and its answer is held; `text` as for the call
    """

    kind: Kind
    text: str = ""
    claims: str | None = field(default=None, compare=False)
    """The word by which a statement works on units of work: their table, or a function that does."""
    refusals: Sequence[str] = field(default=(), compare=False)
    """The errors with which a service can refuse a call."""
    sends: bool = field(default=False, compare=False)
    """Whether a call has an effect, so that it matters whether its answer arrives."""

    @property
    def label(self) -> str:
        """The point on one line. If a statement begins with a request comment, the request."""
        if request := _REQUEST.match(self.text):
            return request[1]
        text = " ".join(without_comments(self.text).split())
        if len(text) > _LABEL_CHARACTERS:
            is_named_later = self.claims is not None and self.claims in text[_LABEL_CHARACTERS:]
            text = text[: _LABEL_CHARACTERS - 2] + " …" + (f" {self.claims} …" if is_named_later else "")
        match self.kind:
            case "statement" | "inside" | "call":
                return text
            case "answer":
                return f"{text} answered"
            case _:
                return self.kind

    @property
    def shape(self) -> str:
        """The point without values: the same in every execution of the same program."""
        return f"{self.kind} {_VALUE.sub('?', self.text)}"

    @property
    def is_claim(self) -> bool:
        """Whether this statement claims units of work or, in code without claims, reads them."""
        return self.claims is not None
