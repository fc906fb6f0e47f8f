"""The gate: every point passes through it, and whoever stands behind it decides when an instance goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cronproof.gate.fault import FaultName
from cronproof.gate.footprint import Footprint
from cronproof.gate.point import Point

SHARED = "*"
"""Stands for an instance where one server serves all of them: the executor finds out which one it is."""

SOMEBODY_ELSE = "somebody else"
"""Holds locks, and is none of the instances."""


class Channel(Protocol):
    """One of several concurrent conversations of an instance: a connection to the database, a call of a service."""

    @property
    def is_busy(self) -> bool:
        """Whether it waits for an answer."""

    @property
    def content(self) -> bytes:
        """Everything that it sends next. Two channels that do the same with different values differ in it."""

    @property
    def goes_on(self) -> bool:
        """Whether it is busy, or in the middle of something, such as a transaction."""


@dataclass(frozen=True)
class Release:
    """An instance may go on from a point: which instance it is, and the fault that it meets, if any."""

    instance: str
    fault: FaultName | None = None


class AbandonedError(ConnectionError):
    """The execution was given up: whoever arrives at a point, even with a rollback, is hung up on."""


class Gate(Protocol):
    """Called by proxies and services at every point. The executor is one."""

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        """Returns when the instance may do what the point says.

        Raises:
            AbandonedError: the execution was given up.
        """

    @property
    def wants_footprint(self) -> bool:
        """Whether what is done now should be observed."""

    def record_footprint(self, footprint: Footprint) -> None:
        """Notes what was just touched."""

    def record_result(self, instance: str, result: str) -> None:
        """Notes the result of what was just done, in a few words."""


@dataclass
class OpenGate:
    """Holds nobody, and wants to know nothing. `caller` is the instance that passes, where one server serves all."""

    caller: str = SHARED
    wants_footprint: bool = False

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:  # noqa: ARG002  (any)
        """Returns at once."""
        return Release(self.caller if instance == SHARED else instance)

    def record_footprint(self, footprint: Footprint) -> None:
        """Passes."""

    def record_result(self, instance: str, result: str) -> None:
        """Passes."""
