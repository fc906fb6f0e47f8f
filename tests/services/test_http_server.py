"""Serving an application over HTTP."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from cronproof.services.http_server import BREAK, serving


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/breaks":
        scope["extensions"][BREAK]()
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def test_it_answers_while_the_block_runs_and_not_afterwards() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            async with serving(application) as port:
                assert (await client.get(f"http://127.0.0.1:{port}/")).text == "ok"
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{port}/")

    asyncio.run(main())


def test_a_connection_can_be_broken_without_an_answer() -> None:
    async def main() -> None:
        async with serving(application) as port, httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{port}/breaks")
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "ok"

    asyncio.run(main())


def test_a_port_that_is_taken_is_an_error() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
            async with serving(application, port=taken.getsockname()[1]):
                pass

    asyncio.run(main())
