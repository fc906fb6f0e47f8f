"""The mocked APIs as respx routes, for code in this process that calls through httpx.

Each instance has its own addresses, `http://mocks.cronproof.invalid/<instance>/<service>`, which
show the mocks who calls. Any other host is refused and noted.
"""

import contextvars
from urllib.parse import parse_qs

import httpx
import respx
from respx.types import SideEffectTypes

from cronproof.domain.message import BlockedCall
from cronproof.domain.service_names import SERVICE_NAMES, ServiceName
from cronproof.gate.gate import AbandonedError
from cronproof.internal_errors import reporting
from cronproof.services.exchange import NoAnswer, Request
from cronproof.services.services import Services

ORIGIN = "http://mocks.cronproof.invalid"

caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="")
"""The instance that this task runs for. Refused calls are attributed by it."""

inner_cron: contextvars.ContextVar[str | None] = contextvars.ContextVar("inner_cron", default=None)
"""The cron that the called cron has called in turn, if any."""


def address(instance: str, service: ServiceName) -> str:
    """Returns a service's base URL for one instance."""
    return f"{ORIGIN}/{instance}/{service}"


def install(router: respx.MockRouter, services: Services) -> None:
    """Adds the services' routes, for all instances, to a router."""
    for name in SERVICE_NAMES:
        router.route(url__regex=rf"^{ORIGIN}/(?P<instance>\w+)/{name}/").mock(side_effect=_exchange(services, name))


def refuse_the_rest(router: respx.MockRouter, services: Services) -> None:
    """Adds the route that catches every other host. It must come after all other routes."""

    def refuse(request: httpx.Request) -> httpx.Response:
        services.blocked_calls.append(BlockedCall(caller.get(), str(request.url)))
        raise httpx.ConnectError(f"{request.url.host} cannot be reached from here", request=request)

    router.route().mock(side_effect=refuse)


def _exchange(services: Services, service: ServiceName) -> SideEffectTypes:
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
