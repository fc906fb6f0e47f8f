"""The fault strategy: instances run one after the other, with every fault at every point."""

from cronproof.explore.schedule import ExecutedSchedule, Schedule, WorkItem
from cronproof.explore.strategy import Assurance, Inside
from cronproof.gate.fault import channel_of, is_fault


class FaultStrategy:
    """Injects every fault at every point, without preemption."""

    batch = 16
    level: int | None = None
    exhaustive = True
    assurance: Assurance | None = None
    inside: Inside | None = None
    explores_all_failures = True

    def __init__(self) -> None:
        self._stack: list[Schedule] = [()]

    @property
    def pending(self) -> int:
        """How many items are known to be left."""
        return len(self._stack)

    def take(self, at_most: int) -> list[WorkItem]:
        """Returns the next items, in the order of the points of their first fault."""
        taken = self._stack[: -at_most - 1 : -1]
        del self._stack[-at_most:]
        return [WorkItem(schedule) for schedule in taken]

    def observe(self, executed: ExecutedSchedule) -> None:
        """Adds every fault that could be injected after the end of the execution's item."""
        taken = executed.schedule
        for position in range(len(taken) - 1, len(executed.item.schedule) - 1, -1):
            for choice in reversed(executed.decisions[position].enabled):
                if is_fault(choice) and channel_of(choice) == channel_of(taken[position]):
                    self._stack.append((*taken[:position], choice))
