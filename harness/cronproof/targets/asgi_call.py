"""Calls an ASGI application as a server would, without streaming.

Specification: https://asgi.readthedocs.io/en/latest/specs/www.html. An HTTP client in between would
take a tenth of a schedule's time.
"""

import asyncio
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from cronproof.gate.gate import AbandonedError
from cronproof.internal_errors import reporting

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Response:
    """What an application answered."""

    status: int
    headers: Headers
    body: bytes


async def request(app: ASGIApp, method: str, path: str, headers: Headers) -> Response:
    """Sends a request without a body, and returns the whole response. Header names are in lower case.

    An error that leaves the application is a status 500, as from a server.
    """
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"apps.cronproof.invalid"), *headers],
        "server": ("apps.cronproof.invalid", 80),
        "client": ("127.0.0.1", 0),
    }
    status, of_response, body = 0, [], b""
    sent, complete = False, asyncio.Event()

    @reporting()
    async def receive() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent:  # asked again, for a disconnect
            await complete.wait()
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    @reporting()
    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, of_response, body
        if message.get("type") == "http.response.start":
            status, of_response = message.get("status", 500), list(message.get("headers", []))
        else:
            body += message.get("body", b"")
            if not message.get("more_body", False):
                complete.set()

    try:
        await app(scope, receive, send)
    except AbandonedError:
        raise
    except Exception as error:  # noqa: BLE001  (a server would answer, too)
        return Response(500, [], f"{type(error).__name__}: {error}".encode())
    return Response(status, of_response, body)
