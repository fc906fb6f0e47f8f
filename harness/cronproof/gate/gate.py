"""The gate: every point passes through it. It decides when an instance continues."""

from dataclasses import dataclass
from typing import Protocol

from cronproof.gate.fault import FaultName
from cronproof.gate.footprint import Footprint
from cronproof.gate.point import Depth, Point

SHARED = "*"
"""The name for all instances of a shared server. The executor finds out which one it is."""

SOMEBODY_ELSE = "somebody else"
"""The name for a lock holder that is not an instance."""


class Channel(Protocol):
    """One of an instance's concurrent conversations: a database connection, or a service call."""

    @property
    def is_busy(self) -> bool:
        """Whether it waits for an answer."""

    @property
    def content(self) -> bytes:
        """Everything that it sends next, values included, to tell similar channels apart."""

    @property
    def goes_on(self) -> bool:
        """Whether it is busy, or has something open, such as a transaction."""


@dataclass(frozen=True)
class Release:
    """The permission to continue from a point: for which instance, and with which fault, if any."""

    instance: str
    fault: FaultName | None = None


class AbandonedError(ConnectionError):
    """The execution was abandoned: whatever arrives at a point is disconnected, even a rollback."""


class Gate(Protocol):
    """Receives every point from proxies and services. The executor is a gate."""

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        """Waits until the instance may continue from the point.

        Raises:
            AbandonedError: the execution was abandoned.
        """

    @property
    def takes_apart(self) -> bool:
        """Whether statements are taken apart, so that instances may be held inside them."""

    def depth_of(self, point: Point) -> Depth | None:
        """Returns how far the statement of this point is taken apart; None if it stays whole."""

    @property
    def wants_footprint(self) -> bool:
        """Whether the footprint of the current step is wanted."""

    def record_footprint(self, footprint: Footprint) -> None:
        """Records what was just touched."""

    def record_statement(self, *, is_divisible: bool, locks_unseen: bool) -> None:
        """Records whether the statement of the current step can be taken apart, and whether it locks rows
        without a point before each.
        """

    def record_row(self, row: str) -> None:
        """Records a row that a statement which is taken apart changes: its table and its key."""

    def record_result(self, instance: str, result: str) -> None:
        """Records the result of what was just done, in a few words."""


@dataclass
class OpenGate:
    """Holds nobody and records nothing. `caller` is the calling instance of a shared server."""

    caller: str = SHARED
    wants_footprint: bool = False
    takes_apart: bool = False

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:  # noqa: ARG002  (any)
        """Returns at once."""
        return Release(self.caller if instance == SHARED else instance)

    def depth_of(self, point: Point) -> Depth | None:  # noqa: ARG002  (all stay whole)
        """Returns None: every statement stays whole."""
        return None

    def record_footprint(self, footprint: Footprint) -> None:
        """Does nothing."""

    def record_statement(self, *, is_divisible: bool, locks_unseen: bool) -> None:
        """Does nothing."""

    def record_row(self, row: str) -> None:
        """Does nothing."""

    def record_result(self, instance: str, result: str) -> None:
        """Does nothing."""
