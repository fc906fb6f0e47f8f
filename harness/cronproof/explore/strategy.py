"""What a strategy is to the explorer, and the plain one: every schedule, those with the fewest preemptions first.

A strategy gives out tasks, each a schedule to follow, and is told what was decided in the run. Tasks that are taken
together do not depend on each other's runs.
"""

from __future__ import annotations

import struct
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from cronproof.explore.schedule import Asleep, Data, Follow, Schedule
from cronproof.gate.fault import is_fault, line_of
from cronproof.gate.footprint import Footprint

IN_MEMORY_BYTES = 1 << 20


@dataclass(frozen=True)
class Task:
    """One run to make: a schedule to follow, who is asleep before its last step, the rows to play it on, and what is known
    of its first steps: what they touch.
    """

    schedule: Schedule = ()
    asleep: Asleep = field(default_factory=dict)
    data: Data = ()
    known: Sequence[Footprint] = ()

    def follow(self) -> Follow:
        """What plays it."""
        return Follow(self.schedule, self.asleep, self.data, self.known)


class Search(Protocol):
    """A strategy: which schedules are run."""

    @property
    def batch(self) -> int:
        """How many runs to take together: the same however many are made at once, so that the result is, too."""

    def take(self, at_most: int) -> list[Task]:
        """The next runs; none when the search is exhausted, provided that all runs taken were told of."""

    def ran(self, task: Task, followed: Follow) -> None:
        """What was decided in a run that was taken."""

    @property
    def level(self) -> int | None:
        """How many preemptions the runs that are given out now have, where the strategy goes by that."""

    @property
    def pending(self) -> int:
        """How many runs are known to be left. More can turn up."""

    @property
    def exhaustive(self) -> bool:
        """Whether no schedule is missing once it is exhausted."""

    @property
    def assurance(self) -> Assurance | None:
        """What is known of the schedules that were not run, where chance decided which were."""

    @property
    def tells_all(self) -> bool:
        """Whether every run is asked for, also behind one that fails."""


@dataclass(frozen=True)
class Assurance:
    """A failure that shows whenever `depth` pairs of steps come in a certain order would have been found with this
    probability, or a higher one.
    """

    depth: int
    probability: float


class ByPreemptions:
    """Every schedule, by the number of preemptions. With `bound`, only those with at most as many.

    Each run shows where its schedule could have gone another way; each such way is one further task. Those of the same
    number of preemptions are a stack. Those with one more go to a file, so that memory stays flat.
    """

    batch = 32
    assurance: Assurance | None = None
    tells_all = False

    def __init__(self, instances: Sequence[str], bound: int | None = None, data: Data = ()) -> None:
        self._choices = list(instances)
        self._bound = bound
        self._data = data
        self.level: int | None = 0
        self._stack: list[bytes] = [b""]
        """Schedules; of each step the number of its choice, in two bytes."""
        self._this_level = _Records()
        self._next_level = _Records()
        self._cut = False

    @property
    def pending(self) -> int:
        """Known schedules that were not given out yet."""
        return len(self._stack) + self._this_level.left + self._next_level.left

    @property
    def exhaustive(self) -> bool:
        """Whether no schedule was left out for the bound."""
        return not self._cut

    def take(self, at_most: int) -> list[Task]:
        """The next schedules, all with the same number of preemptions."""
        tasks: list[Task] = []
        while len(tasks) < at_most:
            if self._stack:
                prefix = self._stack.pop()
            elif self._this_level.left:
                prefix = self._this_level.read()
            elif not tasks and self._next_level.left:
                self._this_level, self._next_level = self._next_level, _Records()
                assert self.level is not None  # noqa: S101  (for the type checker: it is a number here)
                self.level += 1
                continue
            else:
                break
            numbers = struct.unpack(f"!{len(prefix) // 2}H", prefix)
            tasks.append(Task(tuple(self._choices[number] for number in numbers), data=self._data))
        return tasks

    def ran(self, task: Task, followed: Follow) -> None:
        """Notes every other way that the run could have gone behind its task."""
        decisions = followed.decisions
        choices = b"".join(self._number(decision.chosen) for decision in decisions)
        for position in range(len(decisions) - 1, len(task.schedule) - 1, -1):
            decision = decisions[position]
            running = line_of(decisions[position - 1].chosen) if position else None
            for name in reversed(decision.enabled):
                if name != decision.chosen:
                    preempts = running in decision.enabled and line_of(name) != running
                    self._note(choices[: 2 * position] + self._number(name), preempts=preempts)

    def _number(self, choice: str) -> bytes:
        """Further lines of an instance, and faults, are known when they come up."""
        if choice not in self._choices:
            self._choices.append(choice)
        return struct.pack("!H", self._choices.index(choice))

    def _note(self, prefix: bytes, *, preempts: bool) -> None:
        if not preempts:
            self._stack.append(prefix)
        elif self._bound is not None and self.level == self._bound:
            self._cut = True
        else:
            self._next_level.write(prefix)


class ByFaults:
    """The instances one after the other, and every way in which they can meet faults on the way."""

    batch = 16
    level: int | None = None
    exhaustive = True
    assurance: Assurance | None = None
    tells_all = True

    def __init__(self) -> None:
        self._stack: list[Schedule] = [()]

    @property
    def pending(self) -> int:
        """How many runs are known to be left."""
        return len(self._stack)

    def take(self, at_most: int) -> list[Task]:
        """The next ones, in the order of the points at which they meet their first fault."""
        taken = self._stack[: -at_most - 1 : -1]
        del self._stack[-at_most:]
        return [Task(schedule) for schedule in taken]

    def ran(self, task: Task, followed: Follow) -> None:
        """Notes every fault that the run could have met behind its task."""
        taken = followed.schedule_taken
        for position in range(len(taken) - 1, len(task.schedule) - 1, -1):
            for choice in reversed(followed.decisions[position].enabled):
                if is_fault(choice) and line_of(choice) == line_of(taken[position]):
                    self._stack.append((*taken[:position], choice))


class _Records:
    """Byte strings in a file: all are written, then all are read."""

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
