"""An instance's own ports, through which it reaches everything except Postgres.

The port shows which instance calls. One port serves plain HTTP, for URLs that are configured. One
serves TLS, in place of real hosts. One is the proxy, which leads to the TLS port and nowhere else.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from cronproof.cleanup import MARK
from cronproof.domain.message import BlockedCall
from cronproof.gate.gate import SHARED, AbandonedError
from cronproof.services.exchange import NoAnswer, Request, Response, not_found
from cronproof.services.http_server import BREAK, serving
from cronproof.services.services import Services
from cronproof.standins.authority import Authority
from cronproof.standins.egress import EgressProxy
from cronproof.standins.hosts import SUPABASE, stand_in
from cronproof.standins.supabase.rest import Rest, RestRequest

PRELOAD = Path(__file__).with_name("preload.cjs")
SILENCE_SECONDS = 2.0
HERE = "127.0.0.1,localhost,::1"


@dataclass
class InstanceEndpoints:
    """One instance's ports, which listen while `open`."""

    instance: str
    services: Services
    authority: Authority
    rest: Rest
    http_port: int = 0
    tls_port: int = 0
    proxy_port: InitVar[int] = 0
    mail_port: int = 0
    has_mail: bool = False
    """Whether the application sends mail."""
    proxy: EgressProxy = field(init=False)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set unless whoever calls is kept waiting."""
    _exchanged: int = field(default=0, init=False)

    def __post_init__(self, proxy_port: int) -> None:
        self.opened.set()
        self.proxy = EgressProxy(0, self._refused, self.services.hosts, proxy_port)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listens while the block runs: on its ports, or on free ones where they are 0.

        Raises:
            OSError: a port is taken.
        """
        async with (
            serving(self._plain, port=self.http_port) as self.http_port,
            serving(self._intercepted, port=self.tls_port, certificate=self.authority.certificate) as self.tls_port,
        ):
            self.proxy.tls_port = self.tls_port
            async with self.proxy.listening(), contextlib.AsyncExitStack() as mail:
                if self.has_mail:
                    self.mail_port = await mail.enter_async_context(self._serving_mail())
                try:
                    yield
                finally:
                    await self.rest.close()

    def _serving_mail(self) -> contextlib.AbstractAsyncContextManager[int]:
        from cronproof.services.smtp_server import serving_mail  # noqa: PLC0415  (only who sends mail pays for it)

        return serving_mail(
            self.instance,
            self.services,
            port=self.mail_port,
            opened=self.opened,
            on_activity=self._note_activity,
            tls=self.authority.context(),
        )

    def _note_activity(self) -> None:
        self._exchanged += 1

    def url(self, service: str | None = None) -> str:
        """Returns the plain HTTP URL of a service, or of Supabase."""
        return url(self.http_port, service)

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Returns the environment that makes a process, in any language, use these ports."""
        proxy, bundle = f"http://127.0.0.1:{self.proxy.port}", str(self.authority.bundle)
        options = " ".join(filter(None, [inherited.get("NODE_OPTIONS"), f"--require={_quoted(PRELOAD)}"]))
        lower = {"http_proxy": proxy, "https_proxy": proxy, "all_proxy": proxy, "no_proxy": HERE}
        environment = {
            **lower,
            **{name.upper(): value for name, value in lower.items()},
            # Each of these replaces all authorities, except Node's, which adds one.
            **dict.fromkeys(["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"], bundle),
            "SSL_CERT_DIR": os.devnull,
            "DENO_CERT": bundle,
            "NODE_OPTIONS": options,
            "NEXT_TELEMETRY_DISABLED": "1",  # https://nextjs.org/telemetry: it would be refused, and fail egress
        }
        interception = {
            "hosts": list(self.services.hosts),
            "domain": SUPABASE,
            "tlsPort": self.tls_port,
            "proxyPort": self.proxy.port,
            "kept": [*environment, MARK],
        }
        return {**environment, "CRONPROOF_INTERCEPTION": json.dumps(interception)}

    @property
    def activity(self) -> int:
        """Increases with everything that arrives, and with every answer."""
        return self._exchanged + self.proxy.activity

    def _refused(self, url: str) -> None:
        self.services.blocked_calls.append(BlockedCall("" if self.instance == SHARED else self.instance, url))

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, _, rest = scope["path"].removeprefix("/").partition("/")
        service = name if name in self.services.names else None
        if service is None:
            await self._answer("supabase", scope["path"], scope, receive, send)
        else:
            await self._answer(service, f"/{rest}", scope, receive, send)

    async def _intercepted(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value for name, value in scope.get("headers", []) if name == b"host"), b"").decode("latin-1")
        await self._answer(stand_in(host.partition(":")[0], self.services.hosts), scope["path"], scope, receive, send)

    async def _answer(self, service: str | None, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a WebSocket: closing before accepting is a 403
            await send({"type": "websocket.close"})
            return
        self._exchanged += 1
        body = b""
        while True:
            message = await receive()
            self._exchanged += 1
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await self.opened.wait()
        query = scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            if service == "supabase":
                of_rest = RestRequest(scope["method"], path, query, headers, body)
                response = await _until_disconnect(self.rest.answer(of_rest), receive)
            else:
                parameters = parse_qs(query, keep_blank_values=True)
                request = Request(scope["method"], path, parameters, headers, body)
                response = await _until_disconnect(self._exchange(service, request), receive)
        except AbandonedError:
            response = Response.of_html(503, "the run was given up")
        except NoAnswer as none:
            if none.hangs:
                await _silence(receive)
            scope["extensions"][BREAK]()
            await receive()  # consumes the disconnect
            return
        self._exchanged += 1
        if response is None:
            return
        of_response = {**response.headers, "content-length": str(len(response.body))}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in of_response.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        await send({"type": "http.response.body", "body": response.body})

    async def _exchange(self, service: str | None, request: Request) -> Response:
        if service is None:
            return not_found(request)
        return await self.services.exchange(self.instance, service, request)


def url(http_port: int, service: str | None = None) -> str:
    """Returns the URL of a service, or of Supabase, at an instance's HTTP port."""
    return f"http://127.0.0.1:{http_port}" + (f"/{service}" if service else "")


async def _until_disconnect(exchange: object, receive: Receive) -> Response | None:
    """Awaits an exchange; cancels it and returns None if the caller disconnects first."""
    answering = asyncio.ensure_future(exchange)  # type: ignore[call-overload]
    hanging_up = asyncio.ensure_future(receive())
    try:
        await asyncio.wait([answering, hanging_up], return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        for task in (answering, hanging_up):
            task.cancel()


async def _silence(receive: Receive) -> None:
    """Waits until the caller disconnects, at most SILENCE_SECONDS, as a gateway would."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SILENCE_SECONDS):
            await receive()


def _quoted(path: Path) -> str:
    """Quotes a path for NODE_OPTIONS: https://nodejs.org/api/cli.html#node_optionsoptions."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if " " in text else text
