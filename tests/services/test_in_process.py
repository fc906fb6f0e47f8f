"""httpx calls of this process reach only the mocks."""

import asyncio

import httpx
import pytest
import respx

from cronproof.domain.message import BlockedCall
from cronproof.services import in_process
from cronproof.services.services import Services


def test_refuses_and_notes_every_other_host() -> None:
    services = Services(frozenset())

    async def call() -> None:
        in_process.caller.set("B")
        async with httpx.AsyncClient() as client:
            await client.post("https://api.openphone.com/v1/messages", json={})

    with respx.mock(assert_all_called=False) as router:
        in_process.install(router, services)
        in_process.refuse_the_rest(router, services)
        with pytest.raises(httpx.ConnectError, match="api.openphone.com cannot be reached from here"):
            asyncio.run(call())

    assert services.blocked_calls == [BlockedCall("B", "https://api.openphone.com/v1/messages")]


def test_refuses_synchronous_calls_too() -> None:
    services = Services(frozenset())

    with respx.mock(assert_all_called=False) as router:
        in_process.install(router, services)
        in_process.refuse_the_rest(router, services)
        with pytest.raises(httpx.ConnectError):
            httpx.get("https://api.quo.com/v1/messages")
