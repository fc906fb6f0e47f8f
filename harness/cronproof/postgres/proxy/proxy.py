"""The wire proxy: an address of its own for each instance, where every statement can be held.

It forwards bytes as they are and reads only the framing. A batch, that is all a client sends until it waits for an answer,
passes the gate once, whole, and only when the batches before it are answered. What executes nothing (parsing, describing,
the data of a COPY, a login) is not a scheduling point. TLS ends here or is refused politely, as a server without
certificates does. Cancel requests are passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from cronproof.gate.gate import SHARED
from cronproof.postgres.proxy.session import ProxySession, Route
from cronproof.postgres.proxy.upstream import End


@dataclass(eq=False)
class Proxy(Route):
    """One instance's way to the database."""

    _sessions: dict[ProxySession, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def is_busy(self) -> bool:
        """Whether the server has a statement of the instance that it has not answered. Nobody else waits for a lock."""
        return any(session.is_busy for session in self._sessions)

    def busy_pids(self, instance: str) -> list[int]:
        """The backends that have something of the instance to answer; 0 for one that it is logging in to."""
        return [session.pid for session in self._sessions if session.is_busy and session.owner in (instance, SHARED)]

    @property
    def owners(self) -> dict[int, str]:
        """Each backend that serves now, and the instance that has used it last."""
        return {session.pid: session.owner for session in self._sessions if session.pid}

    def forget(self) -> None:
        """Forgets what happened in earlier runs; connections stay."""
        self.errors.clear()
        self.used = False

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listens on a loopback port for as long as the block runs: on `port`, or on a free one, which it then says.

        Raises:
            OSError: the port is taken.
        """

        def accept() -> End:
            session = ProxySession(self)
            task = self._sessions[session] = asyncio.create_task(session.run())
            task.add_done_callback(lambda _: self._sessions.pop(session, None))
            return session.client

        server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await self.hang_up()

    async def wait_until_closed(self, pids: Collection[int]) -> None:
        """Waits until the clients of these dead backends are closed, except those notified later."""
        ending = [task for session, task in self._sessions.items() if session.pid in pids and not session.hears_later]
        if ending:
            await asyncio.wait(ending)

    async def hang_up(self) -> None:
        """Ends all connections: the instance is dead, and what it was held before sending is never sent."""
        tasks = list(self._sessions.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
