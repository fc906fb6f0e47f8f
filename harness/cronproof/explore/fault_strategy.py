"""The strategy for faults: the instances one after the other, and every way in which they can meet faults."""

from __future__ import annotations

from cronproof.explore.schedule import ExecutedSchedule, Schedule, WorkItem
from cronproof.explore.strategy import Assurance
from cronproof.gate.fault import channel_of, is_fault


class FaultStrategy:
    """Every fault at every point, without preemption."""

    batch = 16
    level: int | None = None
    exhaustive = True
    assurance: Assurance | None = None
    explores_all_failures = True

    def __init__(self) -> None:
        self._stack: list[Schedule] = [()]

    @property
    def pending(self) -> int:
        """How many items are known to be left."""
        return len(self._stack)

    def take(self, at_most: int) -> list[WorkItem]:
        """The next items, in the order of the points at which they meet their first fault."""
        taken = self._stack[: -at_most - 1 : -1]
        del self._stack[-at_most:]
        return [WorkItem(schedule) for schedule in taken]

    def observe(self, executed: ExecutedSchedule) -> None:
        """Notes every fault that the execution could have met behind its item."""
        taken = executed.schedule
        for position in range(len(taken) - 1, len(executed.item.schedule) - 1, -1):
            for choice in reversed(executed.decisions[position].enabled):
                if is_fault(choice) and channel_of(choice) == channel_of(taken[position]):
                    self._stack.append((*taken[:position], choice))
