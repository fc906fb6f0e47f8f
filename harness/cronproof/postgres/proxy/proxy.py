"""The wire proxy: each instance has its own address, where every statement can be held.

It reads only the framing. A batch is what a client sends before it waits for an answer. It passes
the gate once, as a whole, after the batches before it are answered. What executes nothing (parse,
describe, COPY data, login) is not a scheduling point. TLS ends here, or is refused as by a server
without certificates. Cancel requests are forwarded.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from cronproof.gate.gate import SHARED
from cronproof.internal_errors import watch
from cronproof.postgres.proxy.route import Route
from cronproof.postgres.proxy.session import ProxySession
from cronproof.postgres.proxy.upstream import End


@dataclass(eq=False)
class Proxy(Route):
    """One instance's proxy to the database."""

    _sessions: dict[ProxySession, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def is_busy(self) -> bool:
        """Whether the server owes an answer. Only then can the instance wait for a lock."""
        return any(session.is_busy for session in self._sessions)

    def busy_pids(self, instance: str) -> list[int]:
        """Returns the backends that owe the instance an answer; 0 for one still logging in."""
        return [session.pid for session in self._sessions if session.is_busy and session.owner in (instance, SHARED)]

    @property
    def owners(self) -> dict[int, str]:
        """Each connected backend, with the instance that used it last."""
        return {session.pid: session.owner for session in self._sessions if session.pid}

    def accept_sessions(self) -> None:
        """Takes what sessions hold now for a part of the instance's start."""
        for session in self._sessions:
            session.state.accept()

    def find_held(self) -> tuple[int, str] | None:
        """Returns the first backend that carries a state from call to call, and what it does."""
        for session in self._sessions:
            if held := session.state.find_held():
                return session.pid, held
        return None

    def forget(self) -> None:
        """Forgets what happened in earlier executions. Connections stay open."""
        self.errors.clear()
        self.ran_out.clear()
        self.used = False

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listens on a loopback port while the block runs: on `port`, or on a free one if it is 0.

        Raises:
            OSError: the port is taken.
        """

        def accept() -> End:
            session = ProxySession(self)
            task = self._sessions[session] = asyncio.create_task(session.run())
            task.add_done_callback(lambda _: self._sessions.pop(session, None))
            watch(task)
            return session.client

        server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await self.hang_up()

    async def wait_until_closed(self, pids: Collection[int]) -> None:
        """Waits until the sessions of dead backends end, except those whose client hears later."""
        ending = [task for session, task in self._sessions.items() if session.pid in pids and not session.hears_later]
        if ending:
            await asyncio.wait(ending)

    async def hang_up(self) -> None:
        """Ends all connections. A statement that is held is never sent."""
        tasks = list(self._sessions.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
