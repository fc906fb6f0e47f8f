"""The mocked APIs over HTTP, for code outside this process.

Every instance has addresses of its own, `<origin>/<instance>/<service>`, on one loopback port.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from harness.mocks.exchange import SERVICE_NAMES, Request, ServiceName
from harness.mocks.services import Services

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@contextlib.asynccontextmanager
async def serving(services: Services) -> AsyncIterator[str]:
    """Serves on a free loopback port for as long as the block runs; yields the origin, `http://127.0.0.1:<port>`."""

    def exchange_with(service: ServiceName) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
        async def exchange(request: HttpRequest) -> HttpResponse:
            response = await services.exchange(
                request.path_params["instance"],
                service,
                Request(
                    method=request.method,
                    path="/" + request.path_params["path"],
                    query=parse_qs(request.url.query, keep_blank_values=True),
                    headers=dict(request.headers),
                    body=await request.body(),
                ),
            )
            return HttpResponse(response.body, response.status, dict(response.headers))

        return exchange

    app = Starlette(
        routes=[
            Route(f"/{{instance}}/{name}/{{path:path}}", exchange_with(name), methods=METHODS) for name in SERVICE_NAMES
        ]
    )
    # Made with its protocol named: asyncio sets TCP_NODELAY on no other, and without it an answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on early callers wait in its queue
        server = _Server(uvicorn.Config(app, log_level="error", lifespan="off", server_header=False, date_header=False))
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves Ctrl-C to the run, which stops this server with everything else."""
        yield
