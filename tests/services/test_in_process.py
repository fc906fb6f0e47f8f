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
            await client.post("https://api.example.com/v1/messages", json={})

    with respx.mock(assert_all_called=False) as router:
        in_process.install(router, services)
        in_process.refuse_the_rest(router, services)
        with pytest.raises(httpx.ConnectError, match="api.example.com cannot be reached from here"):
            asyncio.run(call())

    assert services.blocked_calls == [BlockedCall("B", "https://api.example.com/v1/messages")]


def test_refuses_synchronous_calls_too() -> None:
    services = Services(frozenset())

    with in_process.Router(services), pytest.raises(httpx.ConnectError, match="by a client that is not asynchronous"):
        httpx.get("https://api.quo.com/v1/messages")

    assert services.blocked_calls == [BlockedCall("", "https://api.quo.com/v1/messages")]


def test_a_real_host_of_a_service_is_led_to_it() -> None:
    services = Services(frozenset({"key"}))

    async def call() -> httpx.Response:
        in_process.caller.set("B")
        async with httpx.AsyncClient() as client:
            body = {"content": "Hi", "from": "PN1", "to": ["+12125550132"]}
            return await client.post(
                "https://api.openphone.com/v1/messages", json=body, headers={"Authorization": "key"}
            )

    with in_process.Router(services):
        assert asyncio.run(call()).status_code == 202
    assert [(message.instance, message.to) for message in services.messages] == [("B", "+12125550132")]
