"""Egress reaches only the stand-ins, by CONNECT or by absolute URLs."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from cronproof.services.services import Services
from cronproof.standins.authority import Authority
from cronproof.standins.endpoints import InstanceEndpoints
from tests.support.database import Await
from tests.support.rest import NO_DATABASE
from tests.support.services import HOSTS

BODY = {"content": "Hi!", "from": "PN1", "to": ["+12125550132"]}


async def behind(folder: Path, services: Services, method: str, url: str) -> httpx.Response:
    authority = Authority.made(folder, HOSTS)
    door = InstanceEndpoints("A", services, authority, NO_DATABASE)
    async with door.open():
        trust = ssl.create_default_context(cafile=str(authority.bundle))
        async with httpx.AsyncClient(proxy=f"http://127.0.0.1:{door.proxy.port}", verify=trust) as client:
            return await client.request(method, url, json=BODY, headers={"Authorization": "key"})


@pytest.mark.parametrize("host", ["api.openphone.com", "api.quo.com"])
def test_a_host_that_is_stood_in_for_is_answered_by_its_stand_in(host: str, tmp_path: Path) -> None:
    services = Services(frozenset({"key"}))

    response = asyncio.run(behind(tmp_path, services, "POST", f"https://{host}/v1/messages"))

    assert response.status_code == 202
    assert [(message.instance, message.to) for message in services.messages] == [("A", "+12125550132")]


@pytest.mark.parametrize(
    ("url", "noted"),
    [
        ("https://telemetry.example.com/x", "https://telemetry.example.com"),
        ("https://api.openphone.com.example.com/", "https://api.openphone.com.example.com"),
        ("https://api.openphone.com:8443/", "tcp://api.openphone.com:8443"),
        ("http://api.openphone.com/v1/messages", "http://api.openphone.com/v1/messages"),
    ],
)
def test_everything_else_is_refused_and_noted(url: str, noted: str, tmp_path: Path) -> None:
    services = Services(frozenset({"key"}))

    try:
        response = asyncio.run(behind(tmp_path, services, "GET", url))
        assert response.status_code == 403
    except httpx.ProxyError:
        pass

    assert [(escape.instance, escape.url) for escape in services.blocked_calls] == [("A", noted)]
    assert services.messages == []


def test_a_client_that_sends_whole_urls_is_answered_too(tmp_path: Path) -> None:
    """Some clients do so even for https, instead of using CONNECT."""
    services = Services(frozenset({"key"}))
    body = b'{"content":"Hi!","from":"PN1","to":["+12125550132"]}'
    head = (
        "POST https://api.openphone.com/v1/messages?x=1 HTTP/1.1\r\nHost: api.openphone.com\r\nAuthorization: key\r\n"
        f"Connection: keep-alive\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    async def main() -> bytes:
        door = InstanceEndpoints("A", services, Authority.made(tmp_path, HOSTS), NO_DATABASE)
        async with door.open():
            reader, writer = await asyncio.open_connection("127.0.0.1", door.proxy.port)
            writer.write(head.encode() + body)
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(main()).startswith(b"HTTP/1.1 202 ")
    assert sum(one.accepted for one in services.messages) == 1


LINES = [
    b"GET http://[::1 HTTP/1.1",
    b"GET https://[::1/ HTTP/1.1",
    b"CONNECT [::1 HTTP/1.1",
    b"CONNECT :443 HTTP/1.1",
    b"CONNECT example.com:99999999999999999999 HTTP/1.1",
    b"CONNECT \x00:443 HTTP/1.1",
    b"\xff\xfe",
    b"GET",
    b"GET https://[api.openphone.com/ HTTP/1.1",
]


@pytest.mark.parametrize("line", LINES)
def test_the_way_out_refuses_and_notes_what_it_cannot_read(line: bytes, tmp_path: Path, await_: Await) -> None:
    services = Services(frozenset())
    door = InstanceEndpoints("A", services, Authority.made(tmp_path, HOSTS), NO_DATABASE)

    async def main() -> bytes:
        async with door.open():
            reader, writer = await asyncio.open_connection("127.0.0.1", door.proxy.port)
            writer.write(line + b"\r\n\r\n")
            answer = await reader.read()
            writer.close()
        return answer

    assert await_(main()).startswith(b"HTTP/1.1 403 ")
    assert len(services.blocked_calls) == 1
