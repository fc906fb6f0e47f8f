"""An instance's own ports, and the environment that leads a process to them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path

import httpx
import pytest

from cronproof.services.services import Services
from cronproof.standins.authority import Authority
from cronproof.standins.endpoints import InstanceEndpoints
from tests.support.database import Await
from tests.support.hostile import BODIES
from tests.support.rest import NO_DATABASE
from tests.support.services import HOSTS


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[InstanceEndpoints]:
    endpoints = InstanceEndpoints("A", Services(frozenset()), Authority.made(folder, HOSTS), NO_DATABASE)
    async with endpoints.open():
        yield endpoints


def with_endpoints(folder: Path, test: Callable[[InstanceEndpoints], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(folder) as endpoints:
            await test(endpoints)

    asyncio.run(main())


def test_three_ports_are_open_and_each_is_another(tmp_path: Path) -> None:
    async def test(endpoints: InstanceEndpoints) -> None:
        ports = {endpoints.http_port, endpoints.tls_port, endpoints.proxy.port}
        assert len(ports) == 3
        assert 0 not in ports
        assert endpoints.url("telegram") == f"http://127.0.0.1:{endpoints.http_port}/telegram"

    with_endpoints(tmp_path, test)


def test_the_environment_leads_every_language_to_the_proxy_and_the_authority(tmp_path: Path) -> None:
    async def test(endpoints: InstanceEndpoints) -> None:
        environment = endpoints.environment({"NODE_OPTIONS": "--max-old-space-size=512"})
        proxy = f"http://127.0.0.1:{endpoints.proxy.port}"
        assert {environment[name] for name in ("http_proxy", "HTTPS_PROXY", "all_proxy")} == {proxy}
        assert environment["NO_PROXY"] == environment["no_proxy"] == "127.0.0.1,localhost,::1"
        assert environment["SSL_CERT_FILE"] == environment["NODE_EXTRA_CA_CERTS"] == str(tmp_path / "authority.pem")
        assert environment["NODE_OPTIONS"].startswith("--max-old-space-size=512 --require=")
        interception = json.loads(environment["CRONPROOF_INTERCEPTION"])
        assert (interception["tlsPort"], interception["proxyPort"]) == (endpoints.tls_port, endpoints.proxy.port)

    with_endpoints(tmp_path, test)


def test_every_exchange_counts_as_activity(tmp_path: Path) -> None:
    async def test(endpoints: InstanceEndpoints) -> None:
        before = endpoints.activity
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(endpoints.url("openphone") + "/v2/nowhere")
        assert (response.status_code, endpoints.activity > before) == (401, True)

    with_endpoints(tmp_path, test)


PATHS = [
    "/openphone/v1/messages",
    "/openphone/v1/messages?phoneNumberId=PN1&participants=x&maxResults=" + "9" * 5000 + "&pageToken=%C2%B2",
    "/openphone/v1/messages?phoneNumberId=%00&participants=%FF&maxResults=%C2%B2",
    "/openphone/v1/messages/AC%00%FF",
    "/telegram/bot1:a/sendMessage",
    "/telegram/bot" + "9" * 5000 + ":a/sendMessage",
    "/telegram/bot%C2%B2:a/sendMessage",
    "/ghl/conversations/messages",
    "/nowhere/%00",
]
KEYS = ("key", "Bearer key")
TYPES = ("application/json", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_a_service_answers_whatever_it_is_sent(path: str, tmp_path: Path, await_: Await) -> None:
    services = Services(frozenset(KEYS))
    door = InstanceEndpoints("A", services, Authority.made(tmp_path, HOSTS), NO_DATABASE)

    async def main() -> set[int]:
        statuses = set()
        async with door.open(), httpx.AsyncClient(trust_env=False, base_url=door.url()) as client:
            for key, kind, body in product(KEYS, TYPES, BODIES.values()):
                headers = {"authorization": key, "content-type": kind, "version": "2021-04-15"}
                method = "POST" if body else "GET"
                answer = await client.request(method, path, content=body, headers=headers)
                statuses.add(answer.status_code)
        return statuses

    assert not await_(main()) & {500, 503}
    for message in services.messages:
        f"{message}".encode()
