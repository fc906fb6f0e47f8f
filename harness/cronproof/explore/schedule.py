"""Schedules, planned or executed: the order in which instances are released."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cronproof.domain.choice import Data
from cronproof.gate.fault import FaultName, channel_of, instance_of, is_fault, parse_choice
from cronproof.gate.footprint import Footprint
from cronproof.gate.point import Apart
from cronproof.gate.trace import Decision

Schedule = tuple[str, ...]
"""Choices in order: the channel to release, and the fault to inject, if any."""

SleepSet = Mapping[str, Footprint]
"""Choices that need not be explored because an equivalent state covers them, with footprints."""


@dataclass(frozen=True)
class WorkItem:
    """One execution that a strategy requests: the schedule to follow, and the choice of rows."""

    schedule: Schedule = ()
    sleep_set: SleepSet = field(default_factory=dict)
    """The sleep set before the schedule's last step."""
    data: Data = ()
    known: Sequence[Footprint] = ()
    """The footprints of its first decisions, as far as they are known."""
    observes: bool = False
    """Whether the footprint of each step is recorded."""
    apart: Apart = field(default_factory=dict)
    """The statements that are taken apart."""
    last: Collection[str] = ()
    """The instances that go on when no other one can, after the schedule."""


@dataclass(frozen=True)
class ExecutedSchedule:
    """An executed work item. From `redundant_from`, where every choice slept, it is redundant."""

    item: WorkItem
    decisions: Sequence[Decision] = ()
    sleep_sets: Sequence[SleepSet] = ()
    """The sleep set before each decision."""
    redundant_from: int | None = None

    @property
    def schedule(self) -> Schedule:
        """The complete schedule."""
        return tuple(decision.chosen for decision in self.decisions)

    @property
    def data(self) -> Data:
        """The rows on which it was executed."""
        return self.item.data

    @property
    def footprints(self) -> list[Footprint]:
        """The footprint of each decision."""
        return [decision.footprint for decision in self.decisions]


def may_conflict(one: str, touched: Footprint, other: str, touched_by_other: Footprint) -> bool:
    """Whether the order of two steps can matter. Steps of one instance may share its memory."""
    return instance_of(one) == instance_of(other) or touched.conflicts(touched_by_other)


def count_preemptions(decisions: Sequence[Decision]) -> int:
    """Counts how often a channel was left although it could continue."""
    return sum(
        channel_of(before.chosen) != channel_of(after.chosen) and channel_of(before.chosen) in after.enabled
        for before, after in itertools.pairwise(decisions)
    )


def count_switches(schedule: Sequence[str]) -> int:
    """Counts how often the channel changes."""
    return sum(before != after for before, after in itertools.pairwise(map(channel_of, schedule)))


def count_faults(schedule: Sequence[str]) -> int:
    """Counts the injected faults."""
    return sum(map(is_fault, schedule))


def faults_in(schedule: Sequence[str]) -> set[FaultName]:
    """Returns the faults that the schedule injects."""
    return {fault for _, fault in map(parse_choice, schedule) if fault is not None}


def overlaps(schedule: Sequence[str]) -> bool:
    """Whether an instance does something between two steps of another one."""
    runs = [name for name, _ in itertools.groupby(map(instance_of, schedule))]
    return len(runs) > len(set(runs))


def abbreviate(schedule: Sequence[str]) -> str:
    """Abbreviates a schedule to choices and their numbers of steps: A3 B5 A2."""
    return " ".join(f"{name}{len(list(steps))}" for name, steps in itertools.groupby(schedule))
