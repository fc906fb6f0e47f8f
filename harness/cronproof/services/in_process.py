"""The mocked APIs as respx routes, for code in this process that calls through httpx.

Each instance has its own addresses, `http://mocks.cronproof.invalid/<instance>/<service>`, which
show the mocks who calls. Any other host is refused and noted.
"""

import contextvars
from typing import Any, NoReturn
from urllib.parse import parse_qs

import httpx
import respx
from respx.types import SideEffectTypes

from cronproof.domain.message import BlockedCall
from cronproof.gate.gate import AbandonedError
from cronproof.internal_errors import reporting
from cronproof.services.exchange import NoAnswer, Request
from cronproof.services.services import Services

ORIGIN = "http://mocks.cronproof.invalid"

caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="")
"""The instance that this task runs for. Refused calls are attributed by it."""

inner_cron: contextvars.ContextVar[str | None] = contextvars.ContextVar("inner_cron", default=None)
"""The cron that the called cron has called in turn, if any."""


class Router(respx.MockRouter):
    """The routes of this process. What is not asynchronous would keep everybody else from running: it is refused."""

    def __init__(self, services: Services) -> None:
        """Adds the services' routes, for all instances."""
        super().__init__(assert_all_called=False)
        self._services = services
        install(self, services)

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Refuses a synchronous call, and notes it."""
        _refuse(self._services, request, "by a client that is not asynchronous")


def address(instance: str, service: str) -> str:
    """Returns a service's base URL for one instance."""
    return f"{ORIGIN}/{instance}/{service}"


def install(router: respx.MockRouter, services: Services) -> None:
    """Adds the services' routes, for all instances, to a router."""
    for name in services.names:
        router.route(url__regex=rf"^{ORIGIN}/(?P<instance>\w+)/{name}(?:/|$)").mock(
            side_effect=_exchange(services, name)
        )
    for host, name in services.hosts.items():
        router.route(host=host).mock(side_effect=_exchange_at_host(services, name))


def refuse_the_rest(router: respx.MockRouter, services: Services) -> None:
    """Adds the route that catches every other host. It must come after all other routes."""

    def refuse(request: httpx.Request) -> httpx.Response:
        _refuse(services, request, "from here")

    router.route().mock(side_effect=refuse)


def _refuse(services: Services, request: httpx.Request, how: str) -> NoReturn:
    services.blocked_calls.append(BlockedCall(caller.get(), str(request.url)))
    raise httpx.ConnectError(f"{request.url.host} cannot be reached {how}", request=request)


def _exchange_at_host(services: Services, service: str) -> SideEffectTypes:
    """Answers calls of a real host: the calling task shows whose they are."""
    exchange: Any = _exchange(services, service)

    async def at_host(request: httpx.Request) -> httpx.Response:
        response: httpx.Response = await exchange(request, caller.get())
        return response

    return at_host


def _exchange(services: Services, service: str) -> SideEffectTypes:
    @reporting(AbandonedError, httpx.TransportError)
    async def exchange(request: httpx.Request, instance: str) -> httpx.Response:
        seen = Request(
            method=request.method,
            path=request.url.path.removeprefix(f"/{instance}/{service}"),
            query=parse_qs(request.url.query.decode(), keep_blank_values=True),
            headers=dict(request.headers),
            body=await request.aread(),
        )
        try:
            response = await services.exchange(instance, service, seen, cron=inner_cron.get())
        except NoAnswer as none:
            if none.hangs:
                raise httpx.ReadTimeout("no answer", request=request) from None
            raise httpx.ReadError("connection reset by peer", request=request) from None
        return httpx.Response(response.status, headers=dict(response.headers), content=response.body)

    return exchange
