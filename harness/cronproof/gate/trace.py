"""What instances did in one execution, as plain data: steps, waits for locks, and decisions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from cronproof.gate.fault import FaultName, with_fault
from cronproof.gate.footprint import EVERYTHING, Footprint
from cronproof.gate.names import step_name
from cronproof.gate.point import Point


@dataclass(frozen=True)
class Step:
    """An instance was released from a point, or a fault was injected there."""

    instance: str
    point: Point
    footprint: Footprint = EVERYTHING
    results: tuple[str, ...] = ()
    """The results, in a few words each: the server's command tags, the status of an answer."""
    channel: int = 1
    fault: FaultName | None = None

    @property
    def name(self) -> str:
        """The choice that was made: `A`, `A.2`, `A!dies`."""
        return with_fault(channel_name(self.instance, self.channel), self.fault)

    def __str__(self) -> str:
        return f"{self.name}: {self.point.label}"


@dataclass(frozen=True)
class Wait:
    """An instance waited for locks of others, in the statement that `point` names."""

    instance: str
    point: Point
    blockers: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """What a step executes of a statement: the whole or, if that is taken apart, a piece."""

    statement: str
    """The name of the statement."""
    continues: bool = False
    """Whether the step begins at a point inside the statement."""
    is_divisible: bool = False
    """Whether the statement can be taken apart."""
    locks_unseen: bool = False
    """Whether it locks rows without a point before each."""
    rows: frozenset[str] = frozenset()
    """The rows that it changes in the step, as far as it is taken apart."""
    met: frozenset[str] = frozenset()
    """The statements between which there was a lock wait in the step."""


@dataclass(frozen=True)
class Decision:
    """One choice: what could be chosen, what was, and what the step touched."""

    enabled: tuple[str, ...]
    chosen: str
    footprint: Footprint
    piece: Piece | None = None
    """What the step executes of a statement; None if it is no step of a statement."""


@dataclass
class Trace:
    """One execution so far. Starts are not decisions, because a call alone touches nothing."""

    steps: list[Step] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    """All instances, in order."""
    started: set[str] = field(default_factory=set)
    """The instances that have been called."""
    slow: set[str] = field(default_factory=set)
    """The channels with slow calls. All others go first."""
    most_channels: int = 0
    """The most channels of one instance that were held at once."""
    was_concurrent: bool = False
    """Whether an instance unexpectedly did several things at once. The execution is void then."""
    was_ambiguous: bool = False
    """Whether it is unknown which instance did something, because all share one server."""
    stray: str | None = None
    """What an instance did before it was called, if anything."""

    @property
    def faults(self) -> int:
        """How many faults were injected."""
        return sum(step.fault is not None for step in self.steps)

    @property
    def running(self) -> str | None:
        """The channel that was released last, if a decision was made."""
        return self.decisions[-1].chosen.partition("!")[0] if self.decisions else None


@dataclass(frozen=True)
class InjectedFault:
    """A fault at a point. The point is named after its step: `commit`, then `commit (2)`."""

    fault: FaultName
    instance: str
    point: str
    step: int
    """The number of the step, from 0."""

    def __str__(self) -> str:
        return f"{self.fault} at {self.instance}: {self.point}"


def find_injected_faults(steps: Sequence[Step]) -> list[InjectedFault]:
    """Returns the faults among the steps, with their points."""
    if all(step.fault is None for step in steps):  # the usual case of an exploration
        return []
    found, times = [], Counter[tuple[str, str]]()
    for number, step in enumerate(steps):
        name = step_name(step.point)
        times[step.instance, name] += 1
        again = times[step.instance, name]
        if step.fault is not None:
            found.append(InjectedFault(step.fault, step.instance, name if again == 1 else f"{name} ({again})", number))
    return found


def channel_name(instance: str, number: int) -> str:
    """Returns the name of a channel in schedules: `A`, `A.2`."""
    return instance if number == 1 else f"{instance}.{number}"
