"""Policies: a policy decides which choice the executor takes next."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cronproof.explore.schedule import ExecutedSchedule, Schedule, SleepSet, WorkItem, may_conflict
from cronproof.gate.fault import instance_of, is_fault
from cronproof.gate.point import Point
from cronproof.gate.trace import Trace

Enabled = Mapping[str, Point]
"""The possible choices, in order, each with the point where its channel is held. Never empty."""


class Diverged(Exception):
    """The execution could not follow its schedule."""


class NeverReached(Exception):
    """The instance to hold never reached the place."""


class Policy(Protocol):
    """Decides which step is taken next. Each object serves one execution."""

    def choose(self, enabled: Enabled, trace: Trace) -> str | None:
        """Returns an enabled choice, or None if any will do. Then nobody is preempted.

        Raises:
            Diverged: the choice of the schedule is not enabled.
            NeverReached: the instance to hold never reached the place.
        """


def without_preemption(channels: Sequence[str], running: str | None, slow: Collection[str]) -> str:
    """Returns the default channel: the running one, else the first. Slow channels come last."""
    quick = [channel for channel in channels if channel not in slow] or channels
    return running if running is not None and running in quick else quick[0]


def first_unstarted(enabled: Enabled, trace: Trace) -> str | None:
    """Returns the first instance that has not been called yet, if any."""
    if len(trace.started) == len(trace.instances):
        return None
    return next((choice for choice in enabled if instance_of(choice) not in trace.started), None)


@dataclass
class SchedulePolicy:
    """Calls all instances, replays a schedule, then avoids preemption and the sleep set."""

    schedule: Schedule = ()
    sleep_set: SleepSet = field(default_factory=dict)
    """The sleep set before the schedule's last step."""
    last: Collection[str] = ()
    """The instances that go on when no other one can."""
    _sleep_sets: list[SleepSet] = field(default_factory=list)
    _redundant_from: int | None = None

    def executed(self, item: WorkItem, trace: Trace) -> ExecutedSchedule:
        """Returns the work item with its decisions."""
        return ExecutedSchedule(item, trace.decisions, self._sleep_sets, self._redundant_from)

    def choose(self, enabled: Enabled, trace: Trace) -> str | None:
        """Follows the schedule. After its end, chooses no faults, and the running channel if awake.

        Raises:
            Diverged: the schedule's choice is not enabled.
        """
        if unstarted := first_unstarted(enabled, trace):
            return unstarted
        position = len(trace.decisions)
        sleeping = self._sleeping(position, trace)
        self._sleep_sets.append(sleeping)
        if position < len(self.schedule):
            chosen = self.schedule[position]
            if chosen not in enabled:
                raise Diverged(
                    f"step {position + 1} should be one of {chosen}, but only {' and '.join(enabled)} can go on: "
                    "what instances do depends on more than their order"
                )
            return chosen
        channels = [choice for choice in enabled if not is_fault(choice)]
        awake = [channel for channel in channels if channel not in sleeping]
        if not awake and self._redundant_from is None:
            self._redundant_from = position
        late = {*trace.slow, *(channel for channel in channels if instance_of(channel) in self.last)}
        return without_preemption(awake or channels, trace.running, late)

    def _sleeping(self, position: int, trace: Trace) -> SleepSet:
        if position < len(self.schedule) - 1 or self._redundant_from is not None:
            return {}
        if position == max(len(self.schedule) - 1, 0):
            return self.sleep_set
        before = trace.decisions[-1]
        return {
            choice: footprint
            for choice, footprint in self._sleep_sets[-1].items()
            if not may_conflict(choice, footprint, before.chosen, before.footprint)
        }
