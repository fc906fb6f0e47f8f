"""A schedule: in which order instances are released. It is followed as far as it goes; from there on nobody is preempted."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cronproof.explore.executor import Scheduler, without_preemption
from cronproof.gate.fault import instance_of, is_fault, line_of
from cronproof.gate.footprint import Footprint

Schedule = tuple[str, ...]
"""The names of instances, in the order in which they are released; with a fault, where they meet one."""

Data = tuple[int, ...]
"""For each value of the scenario that is one of several, in the order of the file, which of them; empty: the first ones."""

Asleep = Mapping[str, Footprint]
"""Instances whose next step was explored from an equivalent state before, with what that step touched."""


class Diverged(Exception):
    """The run did not come by where the schedule leads."""


@dataclass(frozen=True)
class Decision:
    """One choice: who could have been released, who was, and what that touched."""

    enabled: tuple[str, ...]
    chosen: str
    footprint: Footprint
    asleep: Asleep = field(default_factory=dict)
    """Who was asleep before the step."""


@dataclass
class Follow:
    """Plays a schedule, then goes on without preemption, waking nobody who is `asleep` when the schedule ends.

    `decisions` has what was decided. Where everybody who could go on is asleep the rest has been seen in other runs:
    `redundant_from` says from which decision on.
    """

    schedule: Schedule = ()
    asleep: Asleep = field(default_factory=dict)
    """As of the state before the schedule's last step."""
    data: Data = ()
    """The rows on which it is played."""
    known: Sequence[Footprint] = ()
    """What its first steps touch."""
    decisions: list[Decision] = field(default_factory=list)
    redundant_from: int | None = None

    @property
    def schedule_taken(self) -> Schedule:
        """The schedule as it was in the end."""
        return tuple(decision.chosen for decision in self.decisions)

    async def __call__(self, scheduler: Scheduler) -> None:
        """Plays everything to its end. All are called before any of them goes on: a call alone touches nothing.

        Raises:
            Diverged: an instance is not where the schedule wants it released.
        """
        for name in scheduler.instances:
            await scheduler.step(name)
        while not all(map(scheduler.finished, scheduler.instances)):
            enabled = scheduler.choices
            if not enabled:
                await scheduler.until_something_moves()
                continue
            position = len(self.decisions)
            asleep = self._asleep(position)
            chosen = self.choose(position, enabled, asleep, scheduler.slow)
            await scheduler.step(chosen, self.known[position] if position < len(self.known) else None)
            self.decisions.append(Decision(enabled, chosen, scheduler.steps[-1].footprint, asleep))

    def _asleep(self, position: int) -> Asleep:
        if position < len(self.schedule) - 1 or self.redundant_from is not None:
            return {}
        if position == max(len(self.schedule) - 1, 0):
            return self.asleep
        before = self.decisions[-1]
        return {
            name: footprint
            for name, footprint in before.asleep.items()
            if not meet(name, footprint, before.chosen, before.footprint)
        }

    def choose(self, position: int, enabled: Sequence[str], asleep: Asleep, slow: Collection[str]) -> str:
        """Who of those who can go on is released; a fault only where the schedule says so.

        Raises:
            Diverged: it should be somebody else.
        """
        if position < len(self.schedule):
            chosen = self.schedule[position]
            if chosen not in enabled:
                raise Diverged(
                    f"step {position + 1} should be one of {chosen}, but only {' and '.join(enabled)} can go on: "
                    "what instances do depends on more than their order"
                )
            return chosen
        lines = [name for name in enabled if not is_fault(name)]
        awake = [name for name in lines if name not in asleep]
        if not awake and self.redundant_from is None:
            self.redundant_from = position
        running = line_of(self.decisions[-1].chosen) if self.decisions else None
        return without_preemption(awake or lines, running, slow)


def meet(one: str, touched: Footprint, other: str, touched_by_other: Footprint) -> bool:
    """Whether the order of two steps can matter: those of one instance may share its memory."""
    return instance_of(one) == instance_of(other) or touched.conflicts(touched_by_other)


def preemptions(decisions: Sequence[Decision]) -> int:
    """How often an instance was left that could have gone on."""
    return sum(
        line_of(before.chosen) != line_of(after.chosen) and line_of(before.chosen) in after.enabled
        for before, after in itertools.pairwise(decisions)
    )


def switches(schedule: Sequence[str]) -> int:
    """How often another instance goes on than the one before."""
    return sum(before != after for before, after in itertools.pairwise(map(line_of, schedule)))


def faults(schedule: Sequence[str]) -> int:
    """How many faults were met."""
    return sum(map(is_fault, schedule))


def shown(schedule: Sequence[str]) -> str:
    """A schedule in a few characters: A3 B5 A2, who goes on for how many steps."""
    stretches: list[tuple[str, int]] = []
    for name in schedule:
        if stretches and stretches[-1][0] == name:
            stretches[-1] = (name, stretches[-1][1] + 1)
        else:
            stretches.append((name, 1))
    return " ".join(f"{name}{count}" for name, count in stretches)
