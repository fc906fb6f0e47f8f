"""What the runner asks of a target, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from cronproof.domain.database import Role
from cronproof.domain.instance import CronResponse, Instance, Output
from cronproof.postgres.proxy.proxy import Proxy

IsIdle = Callable[[str], bool]
"""Answers whether nothing of an instance's process runs."""


class Target(Protocol):
    """An implementation of the crons. Its instances stay warm from run to run."""

    name: str
    secret: str
    """The CRON_SECRET that it knows."""
    api_keys: frozenset[str]
    """The keys of the services that its environment has."""
    can_die: bool
    """Whether its instances can be killed."""

    is_external: bool
    """Whether its instances are servers that may remember something from call to call."""
    restarts: bool
    """Whether every run begins with new processes."""
    is_shared: bool
    """Whether one server serves all instances."""

    def database_port(self, name: str) -> int:
        """The port at which an instance looks for its database; 0, where it can be told of any."""

    def isolated(self) -> AbstractContextManager[object]:
        """Keeps what instances send inside the block from reaching anything but the database and the mocks."""

    async def prepare(self, proxies: Mapping[str, Proxy], role: Role) -> None:
        """Makes the named instances ready, each with its own proxied database, in the rights of `role`.

        Raises:
            EnvironmentFailed: an instance does not start.
        """

    def cold(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        """Those whose first call may do what no later one does, as connecting or filling a cache, and so must be made
        before the first run.
        """

    async def reset(self, *, restart: bool) -> None:
        """Before a run: forgets what instances sent in earlier ones; all of them run, and if so asked as new processes.

        Raises:
            EnvironmentFailed: an instance does not start.
        """

    def set_clock(self, time: datetime | None) -> bool:
        """Has the clock of its instances stand still at a time, or go as it does. Returns whether that can be done."""

    async def revive(self) -> None:
        """Starts again the instances that do not run any more.

        Raises:
            EnvironmentFailed: an instance does not start.
        """

    async def kill(self, name: str) -> None:
        """Kills an instance at once: a process by SIGKILL. It may still be about to end when this returns."""

    async def call(self, instance: Instance, *, method: str, secret: str | None) -> CronResponse | None:
        """Calls the instance's cron with the secret, or without any. None, if there was no response."""

    @property
    def is_idle(self) -> IsIdle | None:
        """What answers whether nothing of an instance's process runs; None, where nobody can tell."""

    def activity(self, name: str) -> int:
        """A number that goes up with everything that an instance exchanges with the mocks."""

    def complaint(self, response: CronResponse) -> str | None:
        """Why a response to a call with the right secret proves nothing, if that can be seen from it."""

    def listen(self) -> None:
        """From now on, what instances write is kept in mind."""

    def output(self) -> Sequence[Output]:
        """The last lines that each has written since."""

    async def abandon(self) -> None:
        """After a run that was given up: what instances still do will not meet the next run."""
