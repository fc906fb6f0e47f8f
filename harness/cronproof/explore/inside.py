"""Takes statements apart where they meet: first all are whole, then those in conflict are held inside.

A statement that conflicts with one of another instance is explored in pieces. Where two of them touch
the same row, or one waits for the other, they are held before every row. What meets nothing stays whole.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cronproof.explore.dpor import DporStrategy
from cronproof.explore.schedule import ExecutedSchedule, WorkItem, may_conflict
from cronproof.explore.strategy import Assurance, Inside
from cronproof.gate.fault import instance_of
from cronproof.gate.point import EVERY_STATEMENT, Apart, Depth
from cronproof.gate.trace import Decision

MOST_INSIDE = 200
"""The most schedules in which two instances are held inside statements, unless `all` are asked for. Those with
the fewest preemptions come first."""
Choice = Literal["conflicts", "all", "none"]
"""Which statements are taken apart."""
EVERYTHING_APART: Mapping[str, Depth] = {EVERY_STATEMENT: "rows"}


@dataclass
class Meetings:
    """Which statements meet those of other instances, as seen in executions."""

    divisible: set[str] = field(default_factory=set)
    """Those that conflict with one of another instance, and can be taken apart."""
    unseen: set[str] = field(default_factory=set)
    """Those that conflict, and lock rows without a point before each."""
    at_rows: set[str] = field(default_factory=set)
    """Those that touch a row which one of another instance touches as well, or wait for each other."""
    of_several_rows: set[str] = field(default_factory=set)
    """Those that have changed several rows."""
    seen: set[str] = field(default_factory=set)
    """All statements."""
    somebody_waited: bool = False
    """Whether any instance has waited for a lock."""

    def add(self, decisions: Sequence[Decision]) -> None:
        """Adds one execution."""
        steps = [(decision, decision.piece) for decision in decisions if decision.piece is not None]
        self.seen.update(piece.statement for _, piece in steps)
        for (one, of_one), (other, of_other) in itertools.combinations(steps, 2):
            if instance_of(one.chosen) != instance_of(other.chosen):
                if may_conflict(one.chosen, one.footprint, other.chosen, other.footprint):
                    self.divisible |= {piece.statement for piece in (of_one, of_other) if piece.is_divisible}
                    self.unseen |= {piece.statement for piece in (of_one, of_other) if piece.locks_unseen}
                if of_one.rows & of_other.rows:
                    self.at_rows |= {of_one.statement, of_other.statement}
        rows: dict[tuple[str, str], set[str]] = {}
        for decision, piece in steps:
            self.at_rows |= piece.met
            self.somebody_waited |= bool(piece.met)
            rows.setdefault((decision.chosen, piece.statement), set()).update(piece.rows)
        self.of_several_rows |= {statement for (_, statement), found in rows.items() if len(found) > 1}

    def find_apart(self) -> Apart:
        """Returns how far each statement is to be taken apart, if at all."""
        rows = self.at_rows & self.of_several_rows
        return {name: "rows" if name in rows else "pieces" for name in sorted(self.divisible)}


class TakingApart:
    """Explores whole statements, then again and again with more of them taken apart, until none is left.

    Of several instances, two at a time are held inside statements. The others run after them. If every
    statement is to be taken apart, that is done at once, for all instances and without a limit.

    Pieces that follow each other are a whole statement. So whole ones can be put off: if nothing was left out
    of the pieces and nobody waited, which counts between whole ones alone, they show nothing more.
    """

    level: int | None = None
    assurance: Assurance | None = None
    explores_all_failures = False

    def __init__(
        self,
        instances: Sequence[str],
        pairs: Sequence[Collection[str]],
        *,
        takes_everything: bool = False,
        puts_off_whole: bool = False,
    ) -> None:
        """Explores all instances, then each of these pairs of them, or all again if everything is taken apart.

        `puts_off_whole`: whole statements are explored until some meet, and to the end only if they can show more.
        """
        self._takes_everything = takes_everything
        self._puts_off_whole = puts_off_whole
        others = [[name for name in instances if name not in pair] for pair in pairs]
        self._last: Sequence[Sequence[str]] = [[]] if takes_everything else others
        self._apart: Apart = {}
        self._left: list[DporStrategy] = []
        self._whole = self._current = DporStrategy()
        self._count = 0
        """How many items were taken since statements were taken apart as they are."""
        self._is_cut_off = False
        self._meetings = Meetings()

    @property
    def batch(self) -> int:
        """How many items to take together."""
        return self._current.batch

    @property
    def pending(self) -> int:
        """How many items are known to be left."""
        return self._current.pending

    @property
    def inside(self) -> Inside:
        """Inside which statements instances were held."""
        apart, meetings = self._apart, self._meetings
        whole = set() if EVERY_STATEMENT in apart else meetings.seen - apart.keys() - meetings.unseen
        return Inside(apart, sorted(whole), sorted(meetings.unseen - apart.keys()), not self.exhaustive)

    @property
    def exhaustive(self) -> bool:
        """Whether no schedule was left out, neither by the limit nor by holding two instances at a time."""
        return not self._is_cut_off and not (self._apart and any(self._last))

    def take(self, at_most: int) -> Sequence[WorkItem]:
        """Returns the next items. When all are explored, takes more statements apart."""
        while not (items := self._take_of_current(at_most)):
            apart = EVERYTHING_APART if self._takes_everything else self._meetings.find_apart()
            if apart != self._apart:
                self._apart, self._is_cut_off = apart, False
                self._left = [DporStrategy(apart, last) for last in self._last]
            elif not self._left and self._puts_off_whole and (not self.exhaustive or self._meetings.somebody_waited):
                self._puts_off_whole, self._left = False, [self._whole]
            if not self._left:
                return []
            self._current, self._count = self._left.pop(0), 0
        return items

    def _take_of_current(self, at_most: int) -> Sequence[WorkItem]:
        """Returns the next items of what is explored now, unless too many were taken, or they are put off."""
        if self._current is self._whole:
            is_put_off = self._puts_off_whole and self._meetings.find_apart() != self._apart
            return [] if is_put_off else self._whole.take(at_most)
        if self._takes_everything:  # these are all explored, like whole statements
            return self._current.take(at_most)
        items = self._current.take(min(at_most, MOST_INSIDE - self._count))
        self._count += len(items)
        self._is_cut_off |= not items and self._current.pending > 0
        return items

    def observe(self, executed: ExecutedSchedule) -> None:
        """Notes which statements meet."""
        self._meetings.add(executed.decisions)
        self._current.observe(executed)
