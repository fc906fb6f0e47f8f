"""The exhaustive strategy: every schedule, those with the fewest preemptions first."""

import struct
import tempfile
import weakref
from collections.abc import Sequence
from typing import BinaryIO

from cronproof.domain.choice import Data
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.explore.strategy import Assurance, Inside
from cronproof.gate.fault import channel_of
from cronproof.gate.point import Apart

IN_MEMORY_BYTES = 1 << 20


class PreemptionBoundedStrategy:
    """Explores every schedule, fewest preemptions first. `bound` limits their number.

    Each alternative choice in an execution becomes a further item. Items with the current number
    of preemptions are on a stack. Those with one more go to a file, so that memory stays flat.
    """

    batch = 32
    assurance: Assurance | None = None
    explores_all_failures = False

    def __init__(
        self, instances: Sequence[str], bound: int | None = None, data: Data = (), apart: Apart | None = None
    ) -> None:
        """Explores from the start. `apart`: the statements that are taken apart."""
        self._choices = list(instances)
        self._bound = bound
        self._data = data
        self._apart = apart or {}
        self.inside = Inside(self._apart) if apart else None
        self.level: int | None = 0
        self._stack: list[bytes] = [b""]
        """Schedules, with two bytes per step: the number of its choice."""
        self._this_level = _Records()
        self._next_level = _Records()
        self._cut = False

    @property
    def pending(self) -> int:
        """The number of known schedules that were not taken yet."""
        return len(self._stack) + self._this_level.left + self._next_level.left

    @property
    def exhaustive(self) -> bool:
        """Whether the bound left no schedule out."""
        return not self._cut

    def take(self, at_most: int) -> list[WorkItem]:
        """Returns the next schedules, all with the same number of preemptions."""
        items: list[WorkItem] = []
        while len(items) < at_most:
            if self._stack:
                prefix = self._stack.pop()
            elif self._this_level.left:
                prefix = self._this_level.read()
            elif not items and self._next_level.left:
                self._this_level, self._next_level = self._next_level, _Records()
                assert self.level is not None  # noqa: S101  (for the type checker: it is a number here)
                self.level += 1
                continue
            else:
                break
            numbers = struct.unpack(f"!{len(prefix) // 2}H", prefix)
            schedule = tuple(self._choices[number] for number in numbers)
            items.append(WorkItem(schedule, data=self._data, apart=self._apart))
        return items

    def observe(self, executed: ExecutedSchedule) -> None:
        """Adds every alternative choice of the execution after the end of its item."""
        decisions = executed.decisions
        choices = b"".join(self._number(decision.chosen) for decision in decisions)
        for position in range(len(decisions) - 1, len(executed.item.schedule) - 1, -1):
            decision = decisions[position]
            running = channel_of(decisions[position - 1].chosen) if position else None
            for name in reversed(decision.enabled):
                if name != decision.chosen:
                    preempts = running in decision.enabled and channel_of(name) != running
                    self._add(choices[: 2 * position] + self._number(name), preempts=preempts)

    def _number(self, choice: str) -> bytes:
        """Returns the number of a choice. New channels and faults get the next number."""
        if choice not in self._choices:
            self._choices.append(choice)
        return struct.pack("!H", self._choices.index(choice))

    def _add(self, prefix: bytes, *, preempts: bool) -> None:
        if not preempts:
            self._stack.append(prefix)
        elif self._bound is not None and self.level == self._bound:
            self._cut = True
        else:
            self._next_level.write(prefix)


class _Records:
    """Byte strings in a file. First all are written, then all are read."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # type: ignore[assignment]  # noqa: SIM115  (is a BinaryIO but in name; closed below)
        weakref.finalize(self, self._file.close)
        self._reading = False
        self.left = 0

    def write(self, record: bytes) -> None:
        self._file.write(struct.pack("!H", len(record)) + record)
        self.left += 1

    def read(self) -> bytes:
        if not self._reading:
            self._file.seek(0)
            self._reading = True
        (length,) = struct.unpack("!H", self._file.read(2))
        self.left -= 1
        return self._file.read(length)
