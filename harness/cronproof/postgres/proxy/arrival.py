"""What a backend says at a point inside a statement: which point it is, and where.

It goes on when the gate releases the point (`pieces.py`). The client sees nothing of it.
"""

import re
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from cronproof.gate.point import Depth, Point

CODES = HELD, _ = "CP001", "CP002"
"""The SQLSTATEs of a backend that waits at a point, and of one that only says which row it comes to."""

_NUMBERS = re.compile(r"\d+(, \d+)*")

Kind = Literal["statement", "row", "code", "command"]
"""What comes next: the first row of a statement, a row, the next statement of a function, a change of the schema."""
Before = Literal["start", "write"] | Kind
"""Where a piece begins: at the start of the statement, before one that does nothing before its first write, or at a point."""


class Functions(Protocol):
    """The functions that a statement may call."""

    somebody_listens: bool
    """Whether anybody has ever listened for notifications."""
    have_points: bool
    """Whether points have been put into functions and tables, so that later ones get theirs, too."""

    def note(self, statement: str) -> None:
        """Notes that it is executed."""

    def are_opaque(self, statement: str) -> bool:
        """Whether its functions touch what no lock shows."""

    def calls_any(self, statement: str) -> bool:
        """Whether it may call a function, which somebody may replace."""

    def notifies(self, statement: str) -> bool:
        """Whether it, or a function of it, notifies whoever listens."""

    def is_transparent(self, statement: str) -> bool:
        """Whether a point comes before everything that its functions execute and that takes a snapshot."""

    def reads_unseen(self, statement: str) -> bool:
        """Whether its functions may read tables by an earlier snapshot than where their locks show."""

    def begin_of(self, statement: str) -> Before:
        """Returns where it begins."""

    def has_points(self, statement: str) -> bool:
        """Whether there can be points inside it."""

    def put_points(self, statement: str) -> str:
        """Returns it with points in its blocks of code, and in the functions that it creates."""


class Holder(Protocol):
    """Holds backends inside their statements."""

    async def hold(self, pid: int, depth: Depth | None) -> None:
        """Has an idle backend stop at the points of its next statement, or at none."""

    async def let_go(self, pid: int, *, rows: bool) -> None:
        """Lets a backend go on from its point. `rows`: it stops before the next row."""

    async def forget(self, pid: int) -> None:
        """Holds a backend no longer."""

    @property
    def functions(self) -> Functions:
        """The functions that statements may call."""


@dataclass(frozen=True)
class Arrival:
    """A point inside a statement: its kind, and where it is."""

    kind: Kind
    verb: str
    target: str
    key: str = ""
    number: int = 0
    """The number of the row within the statement, from 1."""

    @property
    def following(self) -> Before:
        """Where the piece behind it begins."""
        return "write" if self.kind == "code" and self.key else self.kind

    @property
    def row(self) -> str:
        """The row: its table and its key. Without a key it is told by its number, unless it is a new one."""
        return f"{self.target} {self.key or (f'no. {self.number}' if self.verb != 'INSERT' else '')}"

    @property
    def point(self) -> Point:
        """The scheduling point."""
        name = self.target.removeprefix("public.")
        match self.kind:
            case "statement":
                return Point("inside", f"{self.verb} {name} … snapshot taken")
            case "row":
                # Other keys may be made up anew in each execution.
                row = self.key if _NUMBERS.fullmatch(self.key) else f"no. {self.number}"
                return Point("inside", f"{self.verb} {name} … before row {row}")
            case "command":
                return Point("inside", f"{self.verb} … before it begins")
            case "code":
                return Point("inside", f"{name}() … before {self.verb}")


def parse_arrival(text: str) -> Arrival:
    """Parses what a backend says at a point."""
    kind, verb, target, *keys = text.split("\t", 3)
    return Arrival(cast(Kind, kind), verb, target, "".join(keys))
