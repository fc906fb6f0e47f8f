"""What the runner needs of a target, whatever its implementation."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from cronproof.domain.database import Role
from cronproof.domain.instance import CronResponse, Instance, Output
from cronproof.postgres.proxy.proxy import Proxy

IsIdle = Callable[[str], bool]
"""Returns whether an instance's process is idle."""


class Target(Protocol):
    """An implementation of the crons. Its instances stay warm between executions."""

    name: str
    secret: str
    """The CRON_SECRET that it accepts."""
    api_keys: frozenset[str]
    """The services' API keys in its environment."""
    can_die: bool
    """Whether its instances can be killed."""
    takes_signals: bool
    """Whether its instances can be sent SIGTERM."""

    is_external: bool
    """Whether its instances are servers that may remember something from call to call."""
    restarts: bool
    """Whether every execution starts new processes."""
    is_shared: bool
    """Whether one server serves all instances."""

    def database_port(self, name: str) -> int:
        """Returns the port where an instance expects its database; 0 if it can be given any."""

    def isolated(self) -> AbstractContextManager[object]:
        """Keeps instances from reaching anything except the database and the mocks in the block."""

    async def prepare(self, proxies: Mapping[str, Proxy], role: Role) -> None:
        """Starts the named instances, each with its proxied database and the rights of `role`.

        Raises:
            EnvironmentFailed: an instance does not start.
        """

    def cold(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        """Returns the instances that need a call before the first execution, since their first
        call may do more than later ones: connect, or fill a cache.
        """

    async def reset(self, *, restart: bool) -> None:
        """Prepares for an execution: forgets earlier calls. `restart` asks for new processes.

        Raises:
            EnvironmentFailed: an instance does not start.
        """

    def set_clock(self, time: datetime | None) -> bool:
        """Stops the instances' clock at a time, or lets it run. Returns whether it can be done."""

    async def revive(self) -> Sequence[str]:
        """Restarts the instances that have ended, and returns which.

        Raises:
            EnvironmentFailed: an instance does not start.
        """

    async def begin(self, instances: Sequence[Instance]) -> None:
        """Prepares for the calls of an execution, after the rows were reset."""

    async def terminate(self, name: str) -> bool:
        """Sends SIGTERM to an instance, and returns when it was taken: whether the instance has ended."""

    async def kill(self, name: str) -> None:
        """Kills an instance at once, a process by SIGKILL. It may end after this returns."""

    async def call(self, instance: Instance, *, method: str, secret: str | None) -> CronResponse | None:
        """Calls the instance's cron, with a secret if given. Returns None without a response."""

    @property
    def is_idle(self) -> IsIdle | None:
        """Tells whether an instance's process is idle; None if that cannot be known."""

    def activity(self, name: str) -> int:
        """Returns a counter of what an instance exchanges with the mocks."""

    def find_shared(self, name: str) -> str | None:
        """Returns what an instance shares with others outside our control, if anything was seen, as the
        rest of a sentence: a connection to a foreign server, or a locked file.
        """

    def find_interrupted(self) -> str | None:
        """Returns which instance somebody else has ended since the reset, if one was, and how."""

    def complaint(self, response: CronResponse) -> str | None:
        """Returns why a response to the right secret proves nothing, if it shows that."""

    def listen(self) -> None:
        """Marks the end of the instances' output so far, for `output`."""

    def output(self) -> Sequence[Output]:
        """Returns the last lines that each instance has written since `listen`."""

    async def abandon(self) -> None:
        """Ends what instances still do after an abandoned execution, so that the next is clean."""
