"""A schedule: the order in which instances are released. And a schedule that was executed, with what was decided in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cronproof.domain.choice import Data
from cronproof.gate.fault import channel_of, instance_of, is_fault
from cronproof.gate.footprint import Footprint
from cronproof.gate.trace import Decision

Schedule = tuple[str, ...]
"""Choices in order: the channel that is released, and the fault where it meets one."""

SleepSet = Mapping[str, Footprint]
"""Choices that were explored from an equivalent state before, each with what its step touched. They need not be woken."""


@dataclass(frozen=True)
class WorkItem:
    """One execution that a strategy wants: the schedule to follow, and the rows to follow it on."""

    schedule: Schedule = ()
    sleep_set: SleepSet = field(default_factory=dict)
    """The sleep set before the schedule's last step."""
    data: Data = ()
    known: Sequence[Footprint] = ()
    """What its first decisions touch, as far as that is known."""
    observes: bool = False
    """Whether it is found out what each step touches."""


@dataclass(frozen=True)
class ExecutedSchedule:
    """A work item that was executed. Where every choice sleeps the rest is redundant: `redundant_from` is that decision."""

    item: WorkItem
    decisions: Sequence[Decision] = ()
    sleep_sets: Sequence[SleepSet] = ()
    """The sleep set before each decision."""
    redundant_from: int | None = None

    @property
    def schedule(self) -> Schedule:
        """The schedule to its end."""
        return tuple(decision.chosen for decision in self.decisions)

    @property
    def data(self) -> Data:
        """The rows on which it was executed."""
        return self.item.data

    @property
    def footprints(self) -> list[Footprint]:
        """What each decision touched."""
        return [decision.footprint for decision in self.decisions]


def may_conflict(one: str, touched: Footprint, other: str, touched_by_other: Footprint) -> bool:
    """Whether the order of two steps can matter. Steps of one instance may share its memory."""
    return instance_of(one) == instance_of(other) or touched.conflicts(touched_by_other)


def count_preemptions(decisions: Sequence[Decision]) -> int:
    """How often a channel was left that could have gone on."""
    return sum(
        channel_of(before.chosen) != channel_of(after.chosen) and channel_of(before.chosen) in after.enabled
        for before, after in itertools.pairwise(decisions)
    )


def count_switches(schedule: Sequence[str]) -> int:
    """How often another channel goes on than the one before."""
    return sum(before != after for before, after in itertools.pairwise(map(channel_of, schedule)))


def count_faults(schedule: Sequence[str]) -> int:
    """How many faults are injected."""
    return sum(map(is_fault, schedule))


def abbreviate(schedule: Sequence[str]) -> str:
    """A schedule in a few characters: A3 B5 A2, the channel and its number of steps."""
    return " ".join(f"{name}{len(list(steps))}" for name, steps in itertools.groupby(schedule))
