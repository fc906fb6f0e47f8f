"""Serves mail by SMTP, for applications in this process and outside. The port shows which instance sends."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from cronproof.gate.gate import AbandonedError
from cronproof.internal_errors import reporting
from cronproof.services.exchange import NoAnswer, Request
from cronproof.services.services import Services
from cronproof.services.smtp import METHOD, NAME, PATH, PORTS

SILENCE_SECONDS = 2.0
_KEPT_SECONDS = 24 * 3600.0
"""How long a silent connection is kept: instances are held for as long as it takes."""


@contextlib.asynccontextmanager
async def serving_mail(
    instance: str,
    services: Services,
    *,
    port: int = 0,
    opened: asyncio.Event | None = None,
    on_activity: Callable[[], None] = lambda: None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serves the mail of an instance on a loopback port while the block runs, and yields the port.

    Mail waits until `opened` is set. With `tls` it offers STARTTLS. `on_activity` is called with whatever is exchanged.

    Raises:
        OSError: the port is taken.
    """
    handler = _Handler(instance, services, opened)
    connections: set[_Connection] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(handler, connections, on_activity, tls), sock=listener
        )
        served: int = listener.getsockname()[1]
        PORTS.add(served)
        try:
            yield served
        finally:
            PORTS.discard(served)
            server.close()
            for connection in list(connections):
                connection.transport.abort()


class _CutReply(bytes):
    """What arrives of a reply before the connection is closed."""


class _Handler:
    def __init__(self, instance: str, services: Services, opened: asyncio.Event | None) -> None:
        self._instance = instance
        self._services = services
        self._opened = opened

    @reporting(AbandonedError)
    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> bytes:  # noqa: N802  (aiosmtpd calls it so)
        """Answers a mail, once it is there."""
        if self._opened is not None:
            await self._opened.wait()
        query = {"from": [envelope.mail_from or ""], "to": list(envelope.rcpt_tos)}
        request = Request(METHOD, PATH, query, {}, envelope.original_content or b"")
        try:
            response = await self._services.exchange(self._instance, NAME, request)
        except AbandonedError:
            return b"421 4.3.2 the run was given up"
        except NoAnswer as none:
            if none.hangs:
                await asyncio.sleep(SILENCE_SECONDS)  # as a gateway would, unless the client leaves before
            server.transport.abort()
            return b""
        line = response.body.removesuffix(b"\r\n")
        return _CutReply(response.body) if line == response.body else line


class _Connection(SMTP):
    transport: Any

    def __init__(
        self,
        handler: _Handler,
        connections: set["_Connection"],
        on_activity: Callable[[], None],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._connections = connections
        self._on_activity = on_activity
        super().__init__(
            handler,
            hostname="mail.cronproof.invalid",
            ident="ESMTP",
            timeout=_KEPT_SECONDS,
            tls_context=tls,
            auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True),
        )

    def data_received(self, data: bytes) -> None:
        self._on_activity()
        super().data_received(data)

    async def push(self, status: Any) -> None:
        self._on_activity()
        if isinstance(status, _CutReply):
            self.transport.write(status)
            self.transport.close()
        else:
            await super().push(status)

    async def _handle_client(self) -> None:
        self._connections.add(self)
        try:
            await super()._handle_client()
        except ConnectionError:  # nobody awaits this task: it would look like an error of ours
            pass
        finally:
            self._connections.discard(self)
