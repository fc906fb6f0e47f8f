"""Targets in this process: each instance is a separate ASGI application.

To kill an instance, its connections are cut, whatever it still tries is refused, and its call is
cancelled. From outside, that looks like a killed process.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import httpx
from asgi_lifespan import LifespanManager, LifespanNotSupported
from psycopg_pool import PoolTimeout
from starlette.types import ASGIApp

from cronproof.domain.database import Role
from cronproof.domain.instance import CronResponse, Instance, Output
from cronproof.errors import EnvironmentFailed
from cronproof.gate.gate import AbandonedError
from cronproof.internal_errors import reporting, reporting_call
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.services import in_process, placeholders
from cronproof.services.services import Services
from cronproof.services.smtp import NAME as SMTP
from cronproof.targets import asgi_call
from cronproof.targets.config import TargetConfig
from cronproof.targets.database_address import find_parts
from cronproof.targets.secrets import API_KEY, CRON_SECRET
from cronproof.targets.target import IsIdle

Clock = Callable[[], datetime]
Factory = Callable[[Mapping[str, str], Clock], ASGIApp]
"""Makes the application of an instance, given the values of the placeholders and its clock."""
APPS = "http://apps.cronproof.invalid"


START_SECONDS = 60


def shared_values() -> dict[str, str]:
    """Returns the values of the placeholders that every instance shares."""
    keys = [name for name, (_, meaning) in placeholders.find_placeholders().items() if meaning == "key"]
    return {"cron_secret": CRON_SECRET, **dict.fromkeys(keys, API_KEY)}


class InProcess:
    """Crons in this process. While `isolated`, calls by httpx reach only mocks and each other."""

    secret = CRON_SECRET
    api_keys = frozenset({API_KEY})
    can_die = True
    takes_signals = False
    is_external = False
    restarts = False
    is_shared = False

    def __init__(
        self, name: str, factory: Factory, database: Database, services: Services, config: TargetConfig
    ) -> None:
        self.name = name
        self._factory = factory
        self._config = config
        self._database = database
        self._running = contextlib.AsyncExitStack()
        self._apps: dict[tuple[str, Role], ASGIApp] = {}
        self._services = services
        self._role: Role = "service_role"
        self._time: datetime | None = None
        self._calls: dict[str, asyncio.Task[Any]] = {}
        self._router = in_process.Router(services)
        self._router.route(url__regex=rf"^{APPS}/(?P<instance>\w+)/").mock(side_effect=self._call_of_an_app)
        in_process.refuse_the_rest(self._router, services)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stops every instance when the block ends."""
        async with self._running:
            yield

    def database_port(self, name: str) -> int:  # noqa: ARG002  (whoever it is)
        """Returns 0: any port can be used."""
        return 0

    def isolated(self) -> contextlib.AbstractContextManager[object]:
        """Keeps calls inside the block from leaving this process."""
        return self._router

    async def prepare(self, proxies: Mapping[str, Proxy], role: Role) -> None:
        """Starts the instances that do not run yet."""
        self._role = role
        for name, proxy in proxies.items():
            if (name, role) not in self._apps:
                self._apps[name, role] = await self._start(name, proxy, role)

    def cold(self, instances: Sequence[Instance]) -> Sequence[Instance]:  # noqa: ARG002  (whoever they are)
        """Returns none: instances connect when they are started, and keep no state."""
        return []

    async def reset(self, *, restart: bool) -> None:  # noqa: ARG002  (they remember nothing)
        """Drops the calls that the router has recorded."""
        self._router.reset()

    @property
    def is_idle(self) -> IsIdle | None:
        """None: it cannot be told, and need not be, since each does one thing at a time."""
        return None

    def activity(self, name: str) -> int:  # noqa: ARG002  (whoever it is)
        """Returns 0: it is not needed."""
        return 0

    def set_clock(self, time: datetime | None) -> bool:
        """Sets the time that the crons see, or lets it run. Always possible."""
        self._time = time
        return True

    async def revive(self) -> Sequence[str]:
        """Returns none: instances run as long as this process does."""
        return []

    async def begin(self, instances: Sequence[Instance]) -> None:
        """Does nothing: instances run."""

    async def kill(self, name: str) -> None:
        """Cancels the instance's call. Nothing that it still does gets out."""
        self._calls[name].cancel()

    async def terminate(self, name: str) -> bool:
        """Never called: it is no process of its own."""
        raise NotImplementedError(name)

    def find_interrupted(self) -> str | None:
        """Returns None: it ends with the run."""
        return None

    def find_shared(self, name: str) -> str | None:  # noqa: ARG002  (whoever it is)
        """Returns None: what crons in this process share is not told from what it does itself."""
        return None

    def complaint(self, response: CronResponse) -> str | None:  # noqa: ARG002  (whatever it is)
        """Returns None: nothing can be misconfigured."""
        return None

    def listen(self) -> None:
        """Does nothing."""

    def output(self) -> Sequence[Output]:
        """Returns nothing: instances have no output of their own."""
        return []

    async def abandon(self) -> None:
        """Does nothing: a cron ends with the task that has called it."""

    async def call(self, instance: Instance, *, method: str, secret: str | None) -> CronResponse | None:
        """Calls the instance's cron."""
        in_process.caller.set(instance.name)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (for the type checker: a coroutine runs in one)
        self._calls[instance.name] = task
        headers = [] if secret is None else [(b"authorization", f"Bearer {secret}".encode())]
        app = self._apps[instance.name, self._role]
        path = self._config.path.replace("{cron}", instance.cron)
        response = await asgi_call.request(app, method, path, headers)
        try:
            body = json.loads(response.body)
        except ValueError:
            body = response.body.decode(errors="replace")
        return CronResponse(instance.name, response.status, body)

    def _cron_at(self, path: str) -> str:
        """Returns the cron that answers at a path; its last part if that is none."""
        before, _, after = self._config.path.partition("{cron}")
        has_cron = path.startswith(before) and path.endswith(after)
        return path[len(before) : len(path) - len(after)] if has_cron else path.rpartition("/")[2]

    @reporting_call
    def _tell_time(self) -> datetime:
        """Returns the time that the crons see."""
        return self._time or datetime.now(UTC)

    async def _start(self, name: str, proxy: Proxy, role: Role) -> ASGIApp:
        values = {
            **find_parts(self._database.url(proxy.port, role)),
            "app_url": f"{APPS}/{name}",
            "instance": name,
            "cron_secret": CRON_SECRET,
            **placeholders.fill_in(lambda service: in_process.address(name, service), API_KEY, self._services.names),
        }
        if SMTP in self._config.services:
            from cronproof.services.smtp_server import serving_mail  # noqa: PLC0415  (only who sends mail pays for it)

            serving = serving_mail(name, self._services)
            values |= placeholders.fill_in_mail(await self._running.enter_async_context(serving))
        in_process.caller.set(name)
        # An application reads its environment when it is imported, when it is made, or when it starts.
        with mock.patch.dict(os.environ, self._config.environment(values)):
            app = self._factory(values, self._tell_time)
            if not callable(app):
                raise EnvironmentFailed(f"{self._config.asgi} is no ASGI application: it is a {type(app).__name__}")
            return await self._begin(name, app, proxy)

    async def _begin(self, name: str, app: ASGIApp, proxy: Proxy) -> ASGIApp:
        """Lets an application start, if it has anything to do then."""
        try:
            return (await self._running.enter_async_context(LifespanManager(app, START_SECONDS, START_SECONDS))).app
        except LifespanNotSupported:
            return app
        except PoolTimeout as timeout:
            reason = proxy.errors[-1].message if proxy.errors else str(timeout)
            raise EnvironmentFailed(f"instance {name} gets no connection to the database: {reason}") from None
        except TimeoutError:
            raise EnvironmentFailed(f"instance {name} has not started within {START_SECONDS} s") from None

    @reporting(AbandonedError)
    async def _call_of_an_app(self, request: httpx.Request, instance: str) -> httpx.Response:
        """Answers a cron's call of another cron over HTTP, in its own instance."""
        path = request.url.path.removeprefix(f"/{instance}")
        outer = in_process.inner_cron.set(self._cron_at(path))
        try:
            headers = [(name.lower(), value) for name, value in request.headers.raw]
            response = await asgi_call.request(self._apps[instance, self._role], request.method, path, headers)
        finally:
            in_process.inner_cron.reset(outer)
        return httpx.Response(response.status, headers=list(response.headers), content=response.body)
