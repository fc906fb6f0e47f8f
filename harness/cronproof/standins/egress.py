"""The egress of an instance: an HTTP proxy that leads to the stand-ins and nowhere else.

Requests for a host with a stand-in go to the TLS port. All others are refused and noted.
"""

import asyncio
import contextlib
import functools
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cronproof.internal_errors import reporting
from cronproof.standins.hosts import stand_in

MAX_HEADER_BYTES = 64 * 1024
HTTPS_PORT = 443
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CONNECTION = re.compile(rb"\r\n(proxy-)?connection:[^\r\n]*", re.IGNORECASE)


@dataclass
class EgressProxy:
    """One instance's proxy. `refused` is called with the URL of every refused call."""

    tls_port: int
    refused: Callable[[str], None]
    hosts: Mapping[str, str]
    """The service at each host."""
    port: int = 0
    activity: int = 0
    """Increases with everything that arrives, from either side."""

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listens on a loopback port while the block runs: on `port`, or on a free one if it is 0.

        Raises:
            OSError: the port is taken.
        """
        tasks: set[asyncio.Task[None]] = set()

        @reporting()
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101  (for the type checker: a coroutine always runs in one)
            tasks.add(task)
            try:
                # Cancellation is suppressed too: asyncio's streams do not expect it.
                with contextlib.suppress(
                    ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError
                ):
                    await self._serve(reader, writer)
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", self.port, limit=MAX_HEADER_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header = await reader.readuntil(b"\r\n\r\n")
        line, _, fields = header.partition(b"\r\n")
        method, target, *_ = [*line.decode("latin-1").split(" "), "", ""]
        if method != "CONNECT":
            await self._forwarded(method, target, fields, reader, writer)
            return
        host, _, port = target.rpartition(":")
        host = host.strip("[]")
        if stand_in(host, self.hosts) is None or port != str(HTTPS_PORT):
            self._refuse(writer, f"https://{host}" if port == str(HTTPS_PORT) else f"tcp://{target}")
            return
        upstream = await asyncio.open_connection("127.0.0.1", self.tls_port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self._join((reader, writer), upstream)

    def _refuse(self, writer: asyncio.StreamWriter, url: str) -> None:
        self.refused(url)
        host = _host(url) or url
        body = f"{host} cannot be reached from here: cronproof lets nothing leave\n".encode()
        head = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)

    async def _forwarded(
        self, method: str, target: str, fields: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Forwards a request with an absolute URL, which some clients send even for https."""
        host = _host(target)
        if not target.startswith("https:") or host is None or stand_in(host, self.hosts) is None:
            self._refuse(writer, target)
            return
        upstream = await asyncio.open_connection("127.0.0.1", self.tls_port, ssl=_trusting())
        path = target.partition(urlsplit(target).netloc)[2] or "/"
        upstream[1].write(f"{method} {path} HTTP/1.1\r\nConnection: close\r\n".encode("latin-1"))
        upstream[1].write(_CONNECTION.sub(b"", b"\r\n" + fields)[2:])
        await self._join((reader, writer), upstream)

    async def _join(self, one: Streams, other: Streams) -> None:
        """Forwards both ways until both have ended."""
        try:
            await asyncio.gather(self._forward(one[0], other[1]), self._forward(other[0], one[1]))
        finally:
            other[1].close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(MAX_HEADER_BYTES):
                self.activity += 1
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()  # HTTP has no use for a half-closed connection


def _host(url: str) -> str | None:
    """Returns the host of a URL, in lower case; None if the URL cannot be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


@functools.cache
def _trusting() -> ssl.SSLContext:
    """Returns a TLS context without verification, for our own port on this machine."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
