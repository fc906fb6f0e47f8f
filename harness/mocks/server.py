"""Serves an application over HTTP, for code outside this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import uvicorn


@contextlib.asynccontextmanager
async def serving(app: Any, *, port: int = 0, certificate: Path | None = None) -> AsyncIterator[int]:
    """Serves an ASGI application on a loopback port for as long as the block runs; yields the port, a free one by default.

    With a certificate it speaks TLS.

    Raises:
        OSError: the port is taken.
    """
    # Made with its protocol named: asyncio sets TCP_NODELAY on no other, and without it an answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()  # from here on early callers wait in its queue
        config = uvicorn.Config(
            app,
            interface="asgi3",
            proxy_headers=False,
            log_level="error",
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_keep_alive=3600,  # connections stay warm from run to run
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves Ctrl-C to the run, which stops this server with everything else."""
        yield
