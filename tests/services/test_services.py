"""Telegram and GoHighLevel over both transports, at the addresses of each instance."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import respx

from cronproof.gate.fault import FaultName
from cronproof.gate.gate import Channel, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.services import in_process
from cronproof.services.bundled.openphone import OpenPhone
from cronproof.services.bundled.openphone_errors import error_response
from cronproof.services.exchange import Request, Response
from cronproof.services.services import Services
from cronproof.standins.authority import Authority
from cronproof.standins.endpoints import InstanceEndpoints
from tests.support.rest import NO_DATABASE
from tests.support.services import HOSTS, openphone_of
from tests.support.waiting import DEADLINE_SECONDS, wait_for

Address = Callable[[str, str], str]


@contextlib.asynccontextmanager
async def reachable(
    transport: str, services: Services, folder: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Address]]:
    """A client, and a function for the address of a service for an instance."""
    if transport == "over HTTP":
        authority = Authority.made(folder, HOSTS)
        doors = {name: InstanceEndpoints(name, services, authority, NO_DATABASE) for name in ("A", "B")}
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
    assert sum(one.accepted for one in services.messages) == 2


@pytest.mark.parametrize("transport", ["in process", "over HTTP"])
def test_a_call_is_held_before_and_after_the_service_acts(transport: str, tmp_path: Path) -> None:
    seen: list[tuple[str, str, str, int]] = []

    class Gate(OpenGate):
        async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
            seen.append((instance, point.kind, point.text, len(services.messages)))
            return Release(instance)

    services = Services(frozenset({"key"}), gate=Gate())
    name: str = "openphone"

    async def main() -> None:
        async with reachable(transport, services, tmp_path) as (client, address):
            body = {"content": "Hi", "from": "PN1", "to": ["+12125550132"]}
            await client.post(f"{address('A', name)}/v1/messages", json=body, headers={"Authorization": "key"})

    asyncio.run(main())
    assert seen == [
        ("A", "call", "openphone POST /v1/messages", 0),
        ("A", "answer", "openphone POST /v1/messages", 1),
    ]


def test_what_sends_may_lose_its_answer_whatever_its_method(tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []

    class Gate(OpenGate):
        async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
            seen.extend([(point.text, point.sends)] if point.kind == "call" else [])
            return Release(instance)

    services = Services(frozenset({"key"}), gate=Gate())

    async def main() -> None:
        async with reachable("in process", services, tmp_path) as (client, address):
            bot = f"{address('A', 'telegram')}/bot1:a"
            await client.get(f"{bot}/sendMessage", params={"chat_id": "1", "text": "Hi"})
            await client.get(f"{bot}/getMe")
            await client.get(f"{address('A', 'openphone')}/v1/messages")

    asyncio.run(main())
    assert seen == [
        ("telegram GET sendMessage", True),
        ("telegram GET getMe", False),
        ("openphone GET /v1/messages", False),
    ]
    assert [message.accepted for message in services.messages] == [True]


SMS = {"content": "Hi", "from": "PN1", "to": ["+12125550132"]}


@dataclass
class Failing(OpenGate):
    """A gate that injects the same fault into every call."""

    fault: FaultName = "truncated"

    async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
        return Release(instance, self.fault if point.kind == "call" else None)


async def sent(transport: str, fault: FaultName, folder: Path) -> tuple[httpx.Response | None, Services, str]:
    services = Services(frozenset({"key"}), gate=Failing(fault=fault))
    patience = httpx.Timeout(DEADLINE_SECONDS, read=0.1 if fault.startswith("timeout") else DEADLINE_SECONDS)
    async with reachable(transport, services, folder) as (client, address):
        try:
            url = f"{address('A', 'openphone')}/v1/messages"
            response = await client.post(url, json=SMS, headers={"Authorization": "key"}, timeout=patience)
        except httpx.TransportError as error:
            if fault.endswith("after"):
                await wait_for(lambda: bool(services.messages))  # a busy server may read the call after the timeout
            return None, services, type(error).__name__
    return response, services, ""


@pytest.mark.parametrize("transport", ["in process", "over HTTP"])
@pytest.mark.parametrize(
    ("fault", "accepted", "broken"),
    [
        ("timeout-before", 0, ["ReadTimeout"]),
        ("timeout-after", 1, ["ReadTimeout"]),
        ("reset-before", 0, ["ReadError", "RemoteProtocolError"]),
        ("reset-after", 1, ["ReadError", "RemoteProtocolError"]),
    ],
)
def test_a_call_that_is_lost_gets_no_answer_before_or_after_the_message_is_accepted(
    transport: str, fault: FaultName, accepted: int, broken: list[str], tmp_path: Path
) -> None:
    response, services, error = asyncio.run(sent(transport, fault, tmp_path))

    assert response is None
    assert error in broken
    assert sum(one.accepted for one in services.messages) == accepted


@pytest.mark.parametrize("transport", ["in process", "over HTTP"])
def test_an_answer_is_lost_although_the_message_is_accepted(transport: str, tmp_path: Path) -> None:
    cut, of_cut, _ = asyncio.run(sent(transport, "truncated", tmp_path))
    page, of_page, _ = asyncio.run(sent(transport, "not-json", tmp_path))
    failed, of_failed, _ = asyncio.run(sent(transport, "unknown-error-after", tmp_path))

    assert [sum(one.accepted for one in services.messages) for services in (of_cut, of_page, of_failed)] == [1, 1, 1]
    assert cut is not None
    assert page is not None
    assert failed is not None
    assert (cut.status_code, page.status_code, failed.status_code) == (202, 202, 500)
    for response in (cut, page):
        with pytest.raises(ValueError, match=r"."):
            response.json()
    assert failed.json()["code"] == "0201500"


@pytest.mark.parametrize("fault", OpenPhone().refusals)
def test_every_documented_refusal_is_answered_and_the_message_not_accepted(fault: str, tmp_path: Path) -> None:
    response, services, _ = asyncio.run(sent("in process", fault, tmp_path))

    assert response is not None
    assert (response.status_code, response.content) == _shape(error_response(fault, "flat"))
    assert "ratelimit" in response.headers
    assert [(message.to, message.accepted) for message in services.messages] == [("+12125550132", False)]


def _shape(response: Response) -> tuple[int, bytes]:
    return response.status, response.body


def test_the_other_services_refuse_in_their_own_words(tmp_path: Path) -> None:
    services = Services(frozenset(), gate=Failing(fault="rate-limited"))

    async def main() -> list[httpx.Response]:
        async with reachable("in process", services, tmp_path) as (client, address):
            return [
                await client.post(
                    f"{address('A', 'telegram')}/bot100000001:token/sendMessage", json={"chat_id": "7", "text": "Hi"}
                ),
                await client.post(
                    f"{address('A', 'ghl')}/conversations/messages",
                    json={"type": "SMS", "contactId": "contact-1", "message": "Hi"},
                    headers={"Authorization": "Bearer token", "Version": "2021-04-15"},
                ),
            ]

    telegram, ghl = asyncio.run(main())
    assert (telegram.status_code, telegram.json()["parameters"]) == (429, {"retry_after": 35})
    assert (ghl.status_code, ghl.json()["statusCode"]) == (429, 429)
    assert sum(one.accepted for one in services.messages) == 0


def test_when_time_passes_messages_are_older(tmp_path: Path) -> None:
    response, services, _ = asyncio.run(sent("in process", "slow-after", tmp_path))

    before = openphone_of(services).sent[0]["createdAt"]
    services.shift_time(timedelta(minutes=15))
    assert response is not None
    aged = datetime.fromisoformat(openphone_of(services).sent[0]["createdAt"])
    assert datetime.fromisoformat(before) - aged == timedelta(minutes=15)


def test_the_token_of_a_bot_is_in_no_label(tmp_path: Path) -> None:
    labels: list[str] = []

    class Gate(OpenGate):
        async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
            labels.append(f"{instance}: {point.label}")
            return Release(instance)

    async def main() -> None:
        async with reachable("in process", Services(frozenset(), gate=Gate()), tmp_path) as (client, address):
            await client.post(f"{address('A', 'telegram')}/bot100000001:secret/sendMessage", json={})

    asyncio.run(main())
    assert labels == ["A: telegram POST sendMessage", "A: telegram POST sendMessage answered"]


@pytest.mark.parametrize(
    ("key", "sender", "owners"),
    [
        ("key", "PN1", {"north"}),
        ("shared", "PN1", {"north"}),
        ("shared", "+12125550100", {"north", "south"}),
        ("key", "PN2", set()),
        ("unknown", "+12125550100", None),
    ],
)
def test_a_message_is_in_the_name_of_those_who_have_its_key_and_its_number(
    key: str, sender: str, owners: set[str] | None
) -> None:
    north, south = frozenset({"north"}), frozenset({"south"})
    services = Services(frozenset({"key", "shared", "unknown"}))
    services.credentials = {"key": north, "shared": north | south, "PN1": north, "PN2": south}
    body = json.dumps({"content": "Hi!", "from": sender, "to": ["+12125550132"]}).encode()

    asyncio.run(
        services.exchange("A", "openphone", Request("POST", "/v1/messages", headers={"authorization": key}, body=body))
    )

    (message,) = services.messages
    assert (message.owners, message.credentials) == (owners, ())
