"""Telegram and GoHighLevel behind both transports, as instances reach them: by addresses of their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import respx

from harness.explore.point import Line, OpenGate, Point
from harness.interception.authority import Authority
from harness.interception.door import Door
from harness.mocks import in_process
from harness.mocks.exchange import ServiceName
from harness.mocks.services import Services
from harness.supabase.rest import Rest
from harness.supabase.schema import Schema

NO_DATABASE = Rest(lambda role: f"postgresql://{role}@127.0.0.1:1/none", Schema({}, {}, [], []))
Address = Callable[[str, ServiceName], str]


@contextlib.asynccontextmanager
async def reachable(
    transport: str, services: Services, folder: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Address]]:
    """A client, and what answers with the address of a service for an instance."""
    if transport == "over HTTP":
        authority = Authority.made(folder)
        doors = {name: Door(name, services, authority, NO_DATABASE) for name in ("A", "B")}
        async with httpx.AsyncClient() as client, contextlib.AsyncExitStack() as stack:
            for door in doors.values():
                await stack.enter_async_context(door.open())
            yield client, lambda instance, service: doors[instance].url(service)
    else:
        with respx.mock(assert_all_called=False) as router:
            in_process.install(router, services)
            async with httpx.AsyncClient() as client:
                yield client, in_process.address


@pytest.mark.parametrize("transport", ["in process", "over HTTP"])
def test_each_service_knows_which_instance_calls(transport: str, tmp_path: Path) -> None:
    services = Services(frozenset())

    async def main() -> list[int]:
        async with reachable(transport, services, tmp_path) as (client, address):
            telegram = await client.post(
                f"{address('A', 'telegram')}/bot100000001:token/sendMessage", json={"chat_id": "700700", "text": "Hi"}
            )
            refused = await client.post(
                f"{address('B', 'telegram')}/bot100000001:token/sendMessage", json={"chat_id": "1"}
            )
            ghl = await client.post(
                f"{address('B', 'ghl')}/conversations/messages",
                json={"type": "SMS", "contactId": "contact-1", "message": "Hi Eli"},
                headers={"Authorization": "Bearer token", "Version": "2021-04-15"},
            )
            return [telegram.status_code, refused.status_code, ghl.status_code]

    assert asyncio.run(main()) == [200, 400, 200]
    assert [(m.number, m.service, m.instance, m.accepted) for m in services.messages] == [
        (1, "telegram", "A", True),
        (2, "telegram", "B", False),
        (3, "ghl", "B", True),
    ]
    assert services.accepted == 2


@pytest.mark.parametrize("transport", ["in process", "over HTTP"])
def test_a_call_is_held_before_and_after_the_service_acts(transport: str, tmp_path: Path) -> None:
    seen: list[tuple[str, str, str, int]] = []

    class Gate(OpenGate):
        async def arrive(self, instance: str, point: Point, line: Line | None = None) -> str:
            seen.append((instance, point.kind, point.text, len(services.messages)))
            return instance

    services = Services(frozenset({"key"}), gate=Gate())
    name: ServiceName = "openphone"

    async def main() -> None:
        async with reachable(transport, services, tmp_path) as (client, address):
            body = {"content": "Hi", "from": "PN1", "to": ["+12125550132"]}
            await client.post(f"{address('A', name)}/v1/messages", json=body, headers={"Authorization": "key"})

    asyncio.run(main())
    assert seen == [
        ("A", "call", "openphone POST /v1/messages", 0),
        ("A", "answer", "openphone POST /v1/messages", 1),
    ]


def test_the_token_of_a_bot_is_in_no_label(tmp_path: Path) -> None:
    labels: list[str] = []

    class Gate(OpenGate):
        async def arrive(self, instance: str, point: Point, line: Line | None = None) -> str:
            labels.append(f"{instance}: {point.label}")
            return instance

    async def main() -> None:
        async with reachable("in process", Services(frozenset(), gate=Gate()), tmp_path) as (client, address):
            await client.post(f"{address('A', 'telegram')}/bot100000001:secret/sendMessage", json={})

    asyncio.run(main())
    assert labels == ["A: telegram POST sendMessage", "A: telegram POST sendMessage answered"]
