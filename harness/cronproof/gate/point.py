"""Scheduling points: the moments at which an instance can be held, because what it does next passes through us."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from cronproof.gate.footprint import Footprint

if TYPE_CHECKING:
    from cronproof.gate.fault import FaultName

Kind = Literal["start", "statement", "call", "answer"]

_LABEL_CHARACTERS = 60
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_REQUEST = re.compile(r"/\* ([A-Z]+ /\S+) \*/ ")
_VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+\b")
_CLAIM = re.compile(r"\bjobs\b|\bclaim_\w+", re.IGNORECASE)


@dataclass(frozen=True)
class Point:
    """What an instance is about to do.

    start      the instance is called
    statement  it sends SQL: one statement, or one pipelined batch; `text` is the SQL
    call       it calls a mocked API; `text` is the method and path
    answer     the API has acted on the call, and its answer is on the way; `text` as for the call
    """

    kind: Kind
    text: str = ""

    @property
    def label(self) -> str:
        """The point in a few words, on one line: of a statement that stands for a request, the request."""
        if request := _REQUEST.match(self.text):
            return request[1]
        text = " ".join(_COMMENT.sub(" ", self.text).split())
        if len(text) > _LABEL_CHARACTERS:
            named = _CLAIM.search(text, _LABEL_CHARACTERS)
            text = text[: _LABEL_CHARACTERS - 2] + " …" + (f" {named.group()} …" if named else "")
        match self.kind:
            case "statement" | "call":
                return text
            case "answer":
                return f"{text} answered"
            case _:
                return self.kind

    @property
    def shape(self) -> str:
        """What is done, whatever the values: the same in every run of the same program."""
        return f"{self.kind} {_VALUE.sub('?', self.text)}"

    @property
    def is_claim(self) -> bool:
        """Whether this is a statement that claims jobs or, before the fix, reads them."""
        return self.kind == "statement" and _CLAIM.search(_COMMENT.sub(" ", self.text)) is not None


SHARED = "*"
"""Stands for an instance where one server serves all: whose turn it is tells which one it is."""


SOMEBODY_ELSE = "somebody else"
"""Who holds locks and is none of the instances."""


class Line(Protocol):
    """One of several things that an instance does at the same time: a connection to the database, a call of an API."""

    @property
    def is_busy(self) -> bool:
        """Whether it has asked something that is not answered yet."""

    @property
    def content(self) -> bytes:
        """What it sends next, whole: by this two that do the same with different values are told apart."""

    @property
    def goes_on(self) -> bool:
        """Whether it is busy, or in the middle of something, as a transaction."""


@dataclass(frozen=True)
class Release:
    """An instance may go on from a point: which one it is, and the fault with which it does, if there is one."""

    instance: str
    fault: FaultName | None = None


class Gate(Protocol):
    """Through which every point passes: the proxy and the mocks call it, the scheduler stands behind it."""

    async def arrive(self, instance: str, point: Point, line: Line | None = None) -> Release:
        """Returns when the instance may do what the point says. Of instances that do one thing at a time the line does not
        matter.
        """

    @property
    def asks(self) -> bool:
        """Whether it is to be found out what is touched by what is done now."""

    def touched(self, footprint: Footprint) -> None:
        """What has just been done touched this."""

    def came(self, instance: str, result: str) -> None:
        """What has just been done had this result, in a few words."""


@dataclass
class OpenGate:
    """A gate that holds nobody, and asks nothing. `caller` is who passes, where all share one server."""

    caller: str = SHARED
    asks: bool = False

    async def arrive(self, instance: str, point: Point, line: Line | None = None) -> Release:  # noqa: ARG002  (any)
        """Returns at once."""
        return Release(self.caller if instance == SHARED else instance)

    def touched(self, footprint: Footprint) -> None:
        """Passes."""

    def came(self, instance: str, result: str) -> None:
        """Passes."""
