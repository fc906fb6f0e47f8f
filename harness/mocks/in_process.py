"""The mocked APIs as respx routes, for code in this process that calls through httpx.

Every instance has addresses of its own, `http://mocks.cronproof.invalid/<instance>/<service>`, so that the mocks know who
calls. Any other host is refused and noted.
"""

from __future__ import annotations

from urllib.parse import parse_qs

import httpx
import respx

from harness.mocks.exchange import SERVICE_NAMES, Request, ServiceName
from harness.mocks.services import Escape, Services

ORIGIN = "http://mocks.cronproof.invalid"


def address(instance: str, service: ServiceName) -> str:
    """The service's base URL for one instance."""
    return f"{ORIGIN}/{instance}/{service}"


def install(router: respx.MockRouter, services: Services, instance: str) -> None:
    """Adds one instance's routes to the router."""
    for name in SERVICE_NAMES:
        router.route(url__startswith=f"{address(instance, name)}/").mock(
            side_effect=_exchange(services, instance, name)
        )


def refuse_the_rest(router: respx.MockRouter, services: Services) -> None:
    """Adds the route that catches every other host. It belongs behind all others."""

    def refuse(request: httpx.Request) -> httpx.Response:
        services.escapes.append(Escape(request.headers.get("x-cronproof-instance", ""), str(request.url)))
        raise httpx.ConnectError(f"{request.url.host} cannot be reached from here", request=request)

    router.route().mock(side_effect=refuse)


def _exchange(services: Services, instance: str, service: ServiceName) -> respx.types.SideEffectTypes:
    prefix = httpx.URL(address(instance, service)).path

    async def exchange(request: httpx.Request) -> httpx.Response:
        response = await services.exchange(
            instance,
            service,
            Request(
                method=request.method,
                path=request.url.path.removeprefix(prefix),
                query=parse_qs(request.url.query.decode(), keep_blank_values=True),
                headers=dict(request.headers),
                body=await request.aread(),
            ),
        )
        return httpx.Response(response.status, headers=dict(response.headers), content=response.body)

    return exchange
