"""Strategies: a strategy decides which schedules are executed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.gate.point import Apart


@dataclass(frozen=True)
class Assurance:
    """The minimum probability that a sample finds a failure of `depth` ordered pairs of steps."""

    depth: int
    probability: float


@dataclass(frozen=True)
class Inside:
    """Inside which statements instances were held, by the names of statements."""

    apart: Apart
    """Those that were taken apart, and how far."""
    whole: Sequence[str] = ()
    """Those that stayed whole: they met no other, or nothing can happen inside."""
    unseen: Sequence[str] = ()
    """Those that met others, and lock rows without a point before each."""
    is_cut_off: bool = False
    """Whether more schedules are left in which they are held inside than were explored."""


class Strategy(Protocol):
    """Provides work items and observes their execution. Items taken together are independent."""

    @property
    def batch(self) -> int:
        """How many items to take together. Fixed, so that results do not depend on the workers."""

    def take(self, at_most: int) -> Sequence[WorkItem]:
        """Returns the next items. Empty if exhausted, once all taken ones were observed."""

    def observe(self, executed: ExecutedSchedule) -> None:
        """Learns from the execution of a taken item."""

    @property
    def level(self) -> int | None:
        """The number of preemptions of the current items; None if it does not order by them."""

    @property
    def pending(self) -> int:
        """How many items are known to be left. More can turn up."""

    @property
    def exhaustive(self) -> bool:
        """Whether no schedule is missing once the strategy is exhausted."""

    @property
    def assurance(self) -> Assurance | None:
        """The probability bound of a random sample; None for other strategies."""

    @property
    def inside(self) -> Inside | None:
        """Inside which statements instances were held; None if all were to stay whole."""

    @property
    def explores_all_failures(self) -> bool:
        """Whether it continues after a failing schedule."""
