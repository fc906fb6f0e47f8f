"""ASGI applications are called as a server would call them."""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cronproof.targets import asgi_call


async def echo(request: Request) -> Response:
    said = {"method": request.method, "url": str(request.url), "secret": request.headers.get("authorization")}
    return JSONResponse({**said, "body": (await request.body()).decode()}, status_code=202, headers={"x-a": "b"})


async def in_parts(_: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        for part in "one", "two":
            yield part

    return StreamingResponse(parts())


APP = Starlette(routes=[Route("/echo/{what}", echo, methods=["GET", "POST"]), Route("/parts", in_parts)])


def call(method: str, path: str) -> asgi_call.Response:
    return asyncio.run(asgi_call.request(APP, method, path, [(b"authorization", b"Bearer x")]))


def test_method_path_and_headers_arrive_and_status_headers_and_body_come_back() -> None:
    response = call("POST", "/echo/a")

    assert response.status == 202
    assert (b"x-a", b"b") in response.headers
    assert response.body == (
        b'{"method":"POST","url":"http://apps.cronproof.invalid/echo/a","secret":"Bearer x","body":""}'
    )


def test_a_body_in_parts_is_put_together() -> None:
    assert call("GET", "/parts").body == b"onetwo"


def test_what_the_application_refuses_is_a_response_too() -> None:
    assert [call("GET", "/nothing").status, call("PUT", "/parts").status] == [404, 405]
