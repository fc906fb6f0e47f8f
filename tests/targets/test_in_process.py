"""Targets in this process."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cronproof.domain.database import SqlError
from cronproof.domain.instance import CronResponse, Instance
from cronproof.errors import EnvironmentFailed
from cronproof.services.services import Services
from cronproof.targets.config import TargetConfig
from cronproof.targets.in_process import Clock, InProcess
from cronproof.targets.secrets import CRON_SECRET

CONFIG = TargetConfig(asgi="some.module:application", env={"WHERE": "{database_url}"})
A = Instance("A", "post-job-followup")
NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)


def application(values: Mapping[str, str], clock: Clock) -> Starlette:
    """An application whose crons show what they were given, call another, call a stranger, or wait."""

    async def cron(request: Request) -> Response:
        async with httpx.AsyncClient() as client:
            match request.path_params["cron"]:
                case "unified-daily":
                    inner = await client.get(f"{values['app_url']}/api/cron/crew-briefing", headers={"x-from": "daily"})
                    return JSONResponse({"inner": inner.json()})
                case "ghl-followups":
                    await client.get("https://example.com/secret-path")
                case "check-timeouts":
                    await asyncio.Event().wait()
                case "send-reminders":
                    return PlainTextResponse("<b>", status_code=500)
        shown = {"url": values["database_url"], "at": clock().isoformat(), "from": request.headers.get("x-from")}
        return JSONResponse(shown | {"authorized": request.headers.get("authorization") == f"Bearer {CRON_SECRET}"})

    return Starlette(routes=[Route("/api/cron/{cron}", cron)])


@asynccontextmanager
async def prepared(make: Callable[[Mapping[str, str], Clock], Starlette]) -> AsyncIterator[tuple[InProcess, Services]]:
    """The instances A and B of an application, each at a database port of its own."""
    services = Services(frozenset())
    database: Any = SimpleNamespace(url=lambda port, role: f"postgresql://{role}@127.0.0.1:{port}")
    target = InProcess("test", make, database, services, CONFIG)
    proxies: Any = {name: SimpleNamespace(port=port, errors=[]) for name, port in (("A", 1), ("B", 2))}
    async with target.running():
        await target.prepare(proxies, "service_role")
        with target.isolated():
            yield target, services


def with_target(test: Callable[[InProcess, Services], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        async with prepared(application) as (target, services):
            await test(target, services)

    asyncio.run(main())


async def answer(target: InProcess, instance: Instance, secret: str | None = CRON_SECRET) -> CronResponse:
    response = await target.call(instance, method="GET", secret=secret)
    assert response is not None
    return response


def test_each_instance_has_a_database_of_its_own() -> None:
    async def test(target: InProcess, _: Services) -> None:
        urls = [(await answer(target, Instance(name, A.cron))).body["url"] for name in "AB"]
        assert urls == ["postgresql://service_role@127.0.0.1:1", "postgresql://service_role@127.0.0.1:2"]

    with_target(test)


def test_a_call_carries_the_secret_if_there_is_one() -> None:
    async def test(target: InProcess, _: Services) -> None:
        secrets = (CRON_SECRET, "another", None)
        assert [(await answer(target, A, secret)).body["authorized"] for secret in secrets] == [True, False, False]

    with_target(test)


def test_what_is_not_json_is_text() -> None:
    async def test(target: InProcess, _: Services) -> None:
        assert await answer(target, Instance("A", "send-reminders")) == CronResponse("A", 500, "<b>")

    with_target(test)


def test_a_cron_calls_another_of_its_own_instance_with_its_headers() -> None:
    async def test(target: InProcess, _: Services) -> None:
        inner = (await answer(target, Instance("B", "unified-daily"))).body["inner"]
        assert (inner["url"], inner["from"]) == ("postgresql://service_role@127.0.0.1:2", "daily")

    with_target(test)


def test_any_other_host_is_refused_and_noted_with_its_caller() -> None:
    async def test(target: InProcess, services: Services) -> None:
        refused = await answer(target, Instance("B", "ghl-followups"))
        assert (refused.status, refused.body) == (500, "ConnectError: example.com cannot be reached from here")
        assert [(call.instance, call.url) for call in services.blocked_calls] == [
            ("B", "https://example.com/secret-path")
        ]

    with_target(test)


def test_the_clock_stands_where_it_was_set() -> None:
    async def test(target: InProcess, _: Services) -> None:
        assert target.set_clock(NOON)
        assert (await answer(target, A)).body["at"] == NOON.isoformat()
        target.set_clock(None)
        assert (await answer(target, A)).body["at"] > NOON.isoformat()

    with_target(test)


def test_a_killed_instance_does_not_answer_and_the_other_goes_on() -> None:
    async def test(target: InProcess, _: Services) -> None:
        waiting = asyncio.create_task(target.call(Instance("A", "check-timeouts"), method="GET", secret=None))
        await asyncio.sleep(0)  # lets the call begin
        await target.kill("A")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await answer(target, Instance("B", A.cron))).status == 200

    with_target(test)


def test_an_application_has_its_environment_while_it_starts() -> None:
    seen: list[str | None] = []

    def reads(values: Mapping[str, str], clock: Clock) -> Starlette:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            seen.append(os.environ.get("WHERE"))
            yield

        return Starlette(lifespan=lifespan)

    async def main() -> None:
        async with prepared(reads):
            seen.append(os.environ.get("WHERE"))

    asyncio.run(main())

    assert seen == ["postgresql://service_role@127.0.0.1:1", "postgresql://service_role@127.0.0.1:2", None]


def test_an_instance_that_gets_no_connection_is_told_with_the_servers_words() -> None:
    def fails(values: Mapping[str, str], clock: Clock) -> Starlette:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            raise PoolTimeout("couldn't get a connection after 30.00 sec")
            yield

        return Starlette(lifespan=lifespan)

    async def main(errors: list[SqlError]) -> None:
        target = InProcess("test", fails, SimpleNamespace(url=lambda *_: ""), Services(frozenset()), CONFIG)  # type: ignore[arg-type]
        async with target.running():
            await target.prepare({"A": SimpleNamespace(port=1, errors=errors)}, "anon")  # type: ignore[dict-item]

    for errors, message in (
        ([SqlError("A", "42501", "permission denied for schema public")], "permission denied for schema public"),
        ([], "couldn't get a connection after 30.00 sec"),
    ):
        with pytest.raises(EnvironmentFailed, match=f"^instance A gets no connection to the database: {message}$"):
            asyncio.run(main(errors))
