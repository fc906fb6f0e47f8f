"""A strategy decides which schedules are executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cronproof.explore.schedule import ExecutedSchedule, WorkItem


@dataclass(frozen=True)
class Assurance:
    """The bound of a sample: a failure that takes `depth` ordered pairs of steps was found with at least this probability."""

    depth: int
    probability: float


class Strategy(Protocol):
    """Gives out work items, and observes what was decided in them. Items that are taken together are independent."""

    @property
    def batch(self) -> int:
        """How many items to take together. Fixed, whatever the number of workers, so that results are reproducible."""

    def take(self, at_most: int) -> Sequence[WorkItem]:
        """The next items. None when the strategy is exhausted, provided that all taken ones were observed."""

    def observe(self, executed: ExecutedSchedule) -> None:
        """Notes what was decided in an item that was taken."""

    @property
    def level(self) -> int | None:
        """How many preemptions the current items have; None where the strategy does not go by that."""

    @property
    def pending(self) -> int:
        """How many items are known to be left. More can turn up."""

    @property
    def exhaustive(self) -> bool:
        """Whether no schedule is missing once the strategy is exhausted."""

    @property
    def assurance(self) -> Assurance | None:
        """The bound on what was missed, where chance decides."""

    @property
    def explores_all_failures(self) -> bool:
        """Whether it goes on behind a schedule that fails."""
