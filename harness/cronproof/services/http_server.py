"""Serves an application over HTTP, for code outside this process."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from cronproof.internal_errors import reporting

BREAK = "cronproof.break"
"""The ASGI scope extension that aborts the connection, so that the client gets no answer."""
KEEP_ALIVE_SECONDS = 3600  # connections stay open between executions


@contextlib.asynccontextmanager
async def serving(app: Any, *, port: int = 0, certificate: Path | None = None) -> AsyncIterator[int]:
    """Serves an ASGI application on a loopback port while the block runs, and yields the port.

    By default it is a free port. With a certificate it serves TLS.

    Raises:
        OSError: the port is taken.
    """
    state = ServerState()

    @reporting()  # uvicorn would answer 500, and say no more
    async def with_break(scope: Any, receive: Any, send: Any) -> None:
        connections: set[Any] = state.connections
        if "client" in scope:
            mine = next(one for one in connections if getattr(one, "client", None) == tuple(scope["client"]))
            scope["extensions"] = {**scope.get("extensions", {}), BREAK: mine.transport.abort}
        await app(scope, receive, send)

    config = uvicorn.Config(
        with_break,
        interface="asgi3",
        proxy_headers=False,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=certificate,
    )
    config.load()
    made: Any = config.http_protocol_class
    # The protocol without uvicorn's Server, which handles signals and wakes up ten times a second.
    protocol = functools.partial(made, config=config, server_state=state, app_state={})
    # asyncio sets TCP_NODELAY only if IPPROTO_TCP is named. Without it an answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = await asyncio.get_running_loop().create_server(protocol, sock=listener, ssl=config.ssl)
        try:
            yield listener.getsockname()[1]
        finally:
            server.close()
            for task in list(state.tasks):
                task.cancel()
            for connection in list(state.connections):
                connection.shutdown()
            await asyncio.gather(*state.tasks, return_exceptions=True)
