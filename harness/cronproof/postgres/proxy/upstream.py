"""The two ends of a proxied connection, and where the real server listens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast


class End(asyncio.Protocol):
    """One end of a session: buffers input, and pauses the other end while it cannot write."""

    def __init__(self, arrived: Callable[[], None]) -> None:
        self.buffer = bytearray()
        self.lost = asyncio.Event()
        self.other: End | None = None
        self._arrived = arrived
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._arrived()

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()
        self._arrived()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    async def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            await self.lost.wait()


@dataclass(frozen=True)
class Upstream:
    """Where the real server listens: a Unix socket, or host and port."""

    socket: str | None = None
    host: str = ""
    port: int = 0

    async def connect(self, end: End) -> None:
        """Connects an end to the server."""
        loop = asyncio.get_running_loop()
        if self.socket is not None:
            await loop.create_unix_connection(lambda: end, self.socket)
        else:
            await loop.create_connection(lambda: end, self.host, self.port)
