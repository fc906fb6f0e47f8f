"""What the runner asks of a target, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from harness.evidence import CronResponse, Instance
from harness.postgres.database import Role
from harness.postgres.proxy import Proxy


class Target(Protocol):
    """An implementation of the crons. Its instances stay warm from run to run."""

    name: str

    def isolated(self) -> AbstractContextManager[object]:
        """Keeps what instances send inside the block from reaching anything but the database and the mocks."""

    def forget(self) -> None:
        """Forgets what instances sent in earlier runs."""

    async def prepare(self, proxies: Mapping[str, Proxy], role: Role) -> None:
        """Makes the named instances ready, each with its own proxied database, in the rights of `role`.

        Raises:
            EnvironmentFailed: an instance does not start.
        """

    async def call(self, instance: Instance, *, method: str, secret: str | None) -> CronResponse:
        """Calls the instance's cron with the secret, or without any."""
