"""The wire proxy: an address of its own for each instance, where every statement can be held.

It forwards bytes as they are and reads only the framing. A batch, that is all a client sends until it waits for an
answer, passes the gate once, whole, and only when the batches before it are answered. What executes nothing (parsing,
describing, the data of a COPY, a login) is not a scheduling point. TLS is refused politely, as a server without
certificates does; cancel requests are passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from harness.explore.point import Gate, Point
from harness.postgres import wire

SEPARATOR = ";\n"


@dataclass(frozen=True)
class Upstream:
    """Where the real server listens: a Unix socket, or host and port."""

    socket: str | None = None
    host: str | None = None
    port: int | None = None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection to the server."""
        if self.socket is not None:
            return await asyncio.open_unix_connection(self.socket)
        return await asyncio.open_connection(self.host, self.port)


@dataclass(frozen=True)
class SqlError:
    """An error that the server sent to an instance."""

    instance: str
    sqlstate: str
    message: str


@dataclass
class Proxy:
    """One instance's way to the database. `pids` are the backends that serve it now."""

    instance: str
    upstream: Upstream
    gate: Gate
    port: int = 0
    pids: set[int] = field(default_factory=set)
    all_pids: set[int] = field(default_factory=set)
    errors: list[SqlError] = field(default_factory=list)

    def forget(self) -> None:
        """Forgets what happened in earlier runs; connections stay."""
        self.errors.clear()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listens on a free loopback port for as long as the block runs; `port` says which."""
        sessions: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            session = asyncio.create_task(self._serve(reader, writer))
            sessions.add(session)
            session.add_done_callback(sessions.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for session in sessions:
                session.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closing(writer):
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, wire.ProtocolError):
                startup = await wire.read_startup(reader)
                while startup.code in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
                    writer.write(wire.REFUSED)
                    startup = await wire.read_startup(reader)
                upstream_reader, upstream_writer = await self.upstream.connect()
                async with _closing(upstream_writer):
                    upstream_writer.write(startup.packet)
                    if startup.code == wire.CANCEL_REQUEST:
                        await upstream_reader.read()  # the server acts on it, then closes
                        return
                    session = _Session(self, upstream_reader, upstream_writer, reader, writer)
                    try:
                        await session.run()
                    finally:
                        self.pids.discard(session.pid)


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@dataclass
class _Session:
    """One connection of the instance and its twin to the server."""

    proxy: Proxy
    server: asyncio.StreamReader
    to_server: asyncio.StreamWriter
    client: asyncio.StreamReader
    to_client: asyncio.StreamWriter
    pid: int = 0
    unanswered: int = 0
    extended: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Forwards both ways until either side hangs up; then the other is hung up too."""
        tasks = [asyncio.create_task(self._from_client()), asyncio.create_task(self._from_server())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _from_client(self) -> None:
        statements = wire.Statements()
        batch: list[bytes] = []
        executes: list[str] = []
        while True:
            message = await wire.read_message(self.client)
            kind = message[0]
            if kind in wire.NOT_PART_OF_A_BATCH:
                self.to_server.write(message)
                await self.to_server.drain()
                continue
            batch.append(message)
            sql = statements.executed_by(message)
            if sql is not None:
                executes.append(sql)
            if kind not in wire.ENDS_BATCH:
                continue
            await self._all_answered()
            if executes:
                await self.proxy.gate.arrive(self.proxy.instance, Point("statement", SEPARATOR.join(executes)))
            if kind in wire.AWAITS_READY:
                self.unanswered += 1
                self.extended = kind == ord("S")
            self.to_server.write(b"".join(batch))
            await self.to_server.drain()
            batch, executes = [], []

    async def _all_answered(self) -> None:
        while self.unanswered > 0:
            self.answered.clear()
            await self.answered.wait()

    async def _from_server(self) -> None:
        while True:
            message = await wire.read_message(self.server)
            match message[0:1]:
                case b"Z":
                    self.unanswered = max(0, self.unanswered - 1)  # the first one ends the login
                    self.answered.set()
                case b"K":
                    self.pid = wire.backend_pid(message)
                    self.proxy.pids.add(self.pid)
                    self.proxy.all_pids.add(self.pid)
                case b"E":
                    fields = wire.error_fields(message)
                    self.proxy.errors.append(SqlError(self.proxy.instance, fields.get("C", ""), fields.get("M", "")))
                case b"G" if self.extended and self.unanswered:
                    # While it copies in, the server ignores the Sync that came with the batch; the client sends
                    # another one after the data.
                    self.unanswered -= 1
                    self.answered.set()
                case _:
                    pass
            self.to_client.write(message)
            if message[0] == ord("D"):
                await self.to_client.drain()
