"""The statements that instances execute: which are taken apart, and what each step executes of one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cronproof.gate.fault import instance_of
from cronproof.gate.names import step_name
from cronproof.gate.point import EVERY_STATEMENT, Apart, Depth, Point
from cronproof.gate.trace import Piece, Wait

_NOTHING = Piece("")


class Statements:
    """The statements of one execution."""

    def __init__(self, apart: Apart) -> None:
        """Takes these statements apart."""
        self._apart = apart
        self._current: dict[str, str] = {}
        """The name of the statement in which each channel is, or was last; empty if its last step was another."""
        self._piece = _NOTHING

    def depth_of(self, point: Point) -> Depth | None:
        """Returns how far the statement of this point is taken apart; None if it stays whole."""
        if not self._apart:
            return None
        return self._apart.get(step_name(point)) or self._apart.get(EVERY_STATEMENT)

    def begin_step(self, channel: str, point: Point) -> None:
        """Notes that a channel is released from a point."""
        self._piece = _NOTHING
        if point.kind != "inside":
            self._current[channel] = step_name(point) if point.kind == "statement" else ""

    def note_statement(self, *, is_divisible: bool, locks_unseen: bool) -> None:
        """Notes what can be done with the statement of the current step."""
        self._piece = replace(self._piece, is_divisible=is_divisible, locks_unseen=locks_unseen)

    def note_row(self, row: str) -> None:
        """Notes a row that the statement changes."""
        self._piece = replace(self._piece, rows=self._piece.rows | {row})

    def find_piece(self, channel: str, point: Point, waits: Sequence[Wait]) -> Piece | None:
        """Returns what the step of a channel has executed of a statement. `waits` are those of the step."""
        statement = self._current.get(channel)
        if not statement:
            return None
        met = frozenset(self._find_met(waits))
        return replace(self._piece, statement=statement, continues=point.kind == "inside", met=met)

    def _find_met(self, waits: Sequence[Wait]) -> Iterator[str]:
        """Yields the statements of the instances between which there was a lock wait."""
        for wait in waits:
            for channel, statement in self._current.items():
                if statement and instance_of(channel) in {wait.instance, *wait.blockers}:
                    yield statement
