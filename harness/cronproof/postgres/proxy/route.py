"""What all connections of an instance share."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cronproof.domain.database import SqlError
from cronproof.gate.gate import Gate
from cronproof.postgres.proxy.arrival import Holder
from cronproof.postgres.proxy.footprints import Observer
from cronproof.postgres.proxy.upstream import Upstream


class Connections(Protocol):
    """Ends connections, for faults."""

    async def end(self, pids: Sequence[int]) -> None:
        """Ends backends, and waits until they and their transactions are gone."""

    async def restart(self) -> None:
        """Ends the connections of every instance, as a restart of the server does."""


@dataclass(eq=False)
class Route:
    """What all connections of an instance share."""

    instance: str
    upstream: Upstream
    gate: Gate
    observer: Observer | None = None
    """Finds out what each statement touches, if the gate asks."""
    holder: Holder | None = None
    """Holds backends inside their statements, if the gate takes them apart."""
    port: int = 0
    """Where the proxy listens; 0 until it does, unless a port is given."""
    connections: Connections | None = None
    login: tuple[str, str] | None = None
    """The user and database of every connection, in place of the client's."""
    tls: ssl.SSLContext | None = None
    """The server's context for TLS from clients. Without it, TLS is refused."""
    pids: set[int] = field(default_factory=set)
    """The backends that serve the instance now."""
    all_pids: set[int] = field(default_factory=set)
    errors: list[SqlError] = field(default_factory=list)
    ran_out: list[str] = field(default_factory=list)
    """What the server said when a timeout ended a statement that was held inside."""
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set unless whoever connects is kept waiting."""
    used: bool = False
    """Whether the instance has used the database."""
    activity: int = 0
    """Increases with everything that arrives, from either side."""

    def __post_init__(self) -> None:
        self.opened.set()
