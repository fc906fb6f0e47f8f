"""External targets: servers in any language, started by us or running already."""

import asyncio
import contextlib
import functools
import json
import os
import shutil
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import ephemeral_port_reserve
import httpcore

from cronproof.cleanup import Guard, guarded
from cronproof.domain.database import Role
from cronproof.domain.instance import MAX_INSTANCES, CronResponse, Instance, Output
from cronproof.errors import EnvironmentFailed
from cronproof.gate.gate import SHARED
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.services import placeholders
from cronproof.services.services import Services
from cronproof.services.smtp import NAME as SMTP
from cronproof.standins.authority import Authority
from cronproof.standins.endpoints import InstanceEndpoints, url
from cronproof.standins.supabase import keys, schema
from cronproof.standins.supabase.rest import Rest
from cronproof.standins.supabase.schema import Schema
from cronproof.targets.config import PORTS_OF_AN_INSTANCE, TargetConfig, leads_elsewhere
from cronproof.targets.database_address import find_parts
from cronproof.targets.process import INSTANCE, Process
from cronproof.targets.secrets import CRON_SECRET, DATABASE_PASSWORD, api_key
from cronproof.targets.target import IsIdle

NAMES = [chr(ord("A") + number) for number in range(MAX_INSTANCES)]
HTTP_ERRORS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
LOOKS = 50
NOT_COPIED = shutil.ignore_patterns(".git", ".next")


@dataclass
class Server:
    """An instance with the rights of a role: its endpoints, and its process if we start it."""

    url: str
    endpoints: InstanceEndpoints | None = None
    process: Process | None = None
    database_port: int = 0
    looks: int = 0
    """How often its connections have been looked at since it was started."""
    shared: str | None = None
    """What it shares outside our control, once it was seen."""


class External:
    """A target of `cronproof.toml`. Its processes stay warm between executions."""

    is_external = True

    def __init__(self, name: str, config: TargetConfig, database: Database, services: Services, logs: Path) -> None:
        self.name = name
        self.secret = config.cron_secret or CRON_SECRET
        self.api_keys = frozenset(map(api_key, NAMES))
        self.can_die = config.command is not None
        self.takes_signals = False  # a server is not ended with a call
        self.restarts = config.restart
        self.is_shared = config.url is not None and len(config.url) == 1
        self._config = config
        self._database = database
        self._services = services
        self._logs = logs
        self._servers: dict[tuple[str, Role], Server] = {}
        self._locked_by: dict[str, str] = {}
        """The instance that has locked a file, by path."""
        self._role: Role = "service_role"
        self._warm: set[tuple[Instance, Role]] = set()
        self._interrupted: str | None = None
        """Which process somebody else has ended since the reset."""
        self._open = contextlib.AsyncExitStack()
        self._schema: Schema | None = None
        self._endpoints: dict[str, InstanceEndpoints] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stops every process and its children when the block ends."""
        with guarded() as self._guard:
            self._authority = Authority.made(self._guard.folder, self._services.hosts)
            async with self._open, httpcore.AsyncConnectionPool(max_connections=None) as self._http:
                try:
                    yield
                finally:
                    await asyncio.gather(*(process.stop() for process in self._processes))

    _guard: Guard
    _authority: Authority
    # A pool without a client, which takes longer than the request. The executor has the deadlines.
    _http: httpcore.AsyncConnectionPool

    @property
    def _processes(self) -> list[Process]:
        return [server.process for server in self._servers.values() if server.process is not None]

    def database_port(self, name: str) -> int:
        """Returns the configured port of a server that runs already, else 0."""
        ports = self._config.ports
        return 0 if ports is None else ports + self._place(name) * PORTS_OF_AN_INSTANCE

    def _place(self, name: str) -> int:
        return 0 if self.is_shared else NAMES.index(name)

    def isolated(self) -> contextlib.AbstractContextManager[object]:
        """Does nothing: processes are isolated all the time."""
        return contextlib.nullcontext()

    async def prepare(self, proxies: Mapping[str, Proxy], role: Role) -> None:
        """Starts the instances that do not run yet, all at once."""
        self._role = role
        if self._config.url is not None:
            for proxy in proxies.values():
                proxy.login = self._database.login(role), self._database.name
        lacking = {name: proxy for name, proxy in proxies.items() if (name, role) not in self._servers}
        for proxy in lacking.values():
            proxy.tls = proxy.tls or self._authority.context()
        for name, proxy in lacking.items():
            self._servers[name, role] = await self._server(name, proxy, role)
        await self._start([self._servers[name, role] for name in lacking])

    def cold(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        """Returns the instances that have not been called since they were started."""
        return [instance for instance in instances if (instance, self._role) not in self._warm]

    async def reset(self, *, restart: bool) -> None:
        """Restarts the processes that ended, or all if the scenario or the target asks for it."""
        if restart or self.restarts:
            await asyncio.gather(*(process.stop() for process in self._processes))
        await self.revive()
        self._interrupted = None

    def set_clock(self, time: datetime | None) -> bool:
        """Returns whether no time is given: the clock of another process cannot be set."""
        return time is None

    async def revive(self) -> Sequence[str]:
        """Restarts the processes that have ended. What has ended them is kept for `find_interrupted`."""
        self._interrupted = self.find_interrupted()
        ended = [(place, server) for place, server in self._servers.items() if _has_ended(server)]
        for (name, role), _ in ended:
            self._warm = {(instance, of) for instance, of in self._warm if (instance.name, of) != (name, role)}
        await self._start([server for _, server in ended])
        return [name for (name, role), _ in ended if role == self._role]

    async def begin(self, instances: Sequence[Instance]) -> None:
        """Does nothing: instances run."""

    async def call(self, instance: Instance, *, method: str, secret: str | None) -> CronResponse | None:
        """Calls the instance's cron."""
        headers: list[tuple[bytes | str, bytes | str]] = []
        if secret is not None:
            headers = [("authorization", f"Bearer {secret}")]
        server = self._servers[instance.name, self._role]
        address = server.url + self._config.path.replace("{cron}", instance.cron)
        try:
            response = await self._http.request(method, address, headers=headers)
        except HTTP_ERRORS:
            if server.process is not None:  # what has ended it is known a moment later
                await server.process.wait_if_dying()
            return None
        finally:
            self._warm.add((instance, self._role))
        try:
            body = json.loads(response.content)
        except ValueError:
            body = response.content.decode(errors="replace")
        return CronResponse(instance.name, response.status, body)

    async def kill(self, name: str) -> None:
        """Kills an instance's process with its children."""
        server = self._servers[name, self._role]
        if server.process is not None and server.endpoints is not None:
            await server.process.kill()
            await server.endpoints.rest.close()

    async def terminate(self, name: str) -> bool:
        """Sends SIGTERM to an instance's process, and returns when it was taken: whether the process has ended."""
        process = self._servers[name, self._role].process
        assert process is not None  # noqa: S101  (for the type checker: only those of ours take signals)
        return await process.terminate()

    @property
    def is_idle(self) -> IsIdle | None:
        """Tells whether our process is idle; None for other servers, or where unsupported."""
        return self._is_idle if self.can_die and Process.can_tell_whether_idle else None

    def _is_idle(self, name: str) -> bool:
        process = self._servers[name, self._role].process
        return process is None or process.is_idle

    def activity(self, name: str) -> int:
        """Counts what has passed its endpoints so far."""
        return self._endpoints[name].activity

    def find_shared(self, name: str) -> str | None:
        """Looks at the connections and locks of a process, in its first steps: that takes a millisecond."""
        server = self._servers[name, self._role]
        if server.process is None or server.endpoints is None:
            return None
        if server.shared is None and server.looks < LOOKS:
            server.looks += 1
            door = server.endpoints
            ours = (server.database_port, door.http_port, door.tls_port, door.proxy.port, door.mail_port)
            server.shared = self._find_shared(name, server.process, ours)
        return server.shared

    def _find_shared(self, name: str, process: Process, ports: Collection[int]) -> str | None:
        if process.sharing is None:
            return None
        if address := process.sharing.find_foreign_server(ports):
            return f"is connected to {address}, which is none of cronproof's"
        for path in process.sharing.find_locked_files():
            other = self._locked_by.setdefault(path, name)  # a file of one instance keeps nobody waiting
            if other != name:
                return f"has locked the file {path}, as {other} has"
        return None

    def find_interrupted(self) -> str | None:
        """Returns which process was killed since the reset, but not from here."""
        killed = next((process.instance for process in self._processes if process.is_interrupted), None)
        if self._interrupted is not None or killed is None:
            return self._interrupted
        return f"{killed} was killed from outside (SIGKILL): is there enough memory?"

    def complaint(self, response: CronResponse) -> str | None:
        """Returns the mistake in the configuration that the status suggests, if any."""
        match response.status:
            case 401 | 403:
                return (
                    f"{response.instance} answers {response.status} to the right secret: "
                    "does the target's environment have CRON_SECRET = {cron_secret}, or the target its `cron_secret`?"
                )
            case 404 | 405:
                return (
                    f"{response.instance} answers {response.status}: is there such a cron at the target's "
                    f"`path` ({self._config.path})?"
                )
        return None

    def listen(self) -> None:
        """Notes how much each process has written."""
        for process in self._processes:
            process.listen()

    def output(self) -> Sequence[Output]:
        """Returns what processes of the current role have written since `listen`."""
        called = [server.process for (_, role), server in self._servers.items() if role == self._role]
        found = [Output(p.instance, p.log, p.last_lines(new=True)) for p in called if p is not None]
        return [output for output in found if output.lines]

    async def abandon(self) -> None:
        """Kills the processes. They are restarted when they are needed again."""
        await asyncio.gather(*(process.kill() for process in self._processes))

    async def _server(self, name: str, proxy: Proxy, role: Role) -> Server:
        if name not in self._endpoints:
            shared = next(iter(self._endpoints.values()), None) if self.is_shared else None
            self._endpoints[name] = shared or await self._door(SHARED if self.is_shared else name, proxy)
        endpoints = self._endpoints[name]
        if self._config.url is not None:
            if self._place(name) >= len(self._config.url):
                raise EnvironmentFailed(
                    f"the scenario has an instance {name}, and `url` names {len(self._config.url)} servers: "
                    "name one for each instance, or a single one for all"
                )
            return Server(self._config.url[self._place(name)].rstrip("/"), endpoints)
        port: int = ephemeral_port_reserve.reserve("127.0.0.1")
        values = self._values(
            name, port, self._database.url(proxy.port, role), endpoints.http_port, endpoints.mail_port, role
        )
        given = self._config.environment(values)
        inherited = {variable: value for variable, value in os.environ.items() if not leads_elsewhere(variable, value)}
        ours = endpoints.environment({**inherited, **given}) | self._guard.marked() | {INSTANCE: name}
        log = self._logs / f"{self.name}.{name}{'' if role == 'service_role' else f'.{role}'}.log"
        process = Process(
            instance=name,
            command=self._config.arguments(values),
            cwd=self._cwd(name),
            environment={**inherited, **given, **ours},
            port=port,
            log=log,
            stdout=None if self._config.run is None else log.with_suffix(".out"),
        )
        return Server(f"http://127.0.0.1:{port}", endpoints, process, proxy.port)

    async def _door(self, name: str, proxy: Proxy) -> InstanceEndpoints:
        if self._schema is None:
            self._schema = await schema.read_schema(self._database.fetch)
        rest = Rest(functools.partial(self._database.url, proxy.port), self._schema)
        first = self.database_port(name) if name != SHARED else self._config.ports or 0
        http, tls, way_out, mail = range(first + 1, first + 5) if first else (0, 0, 0, 0)
        has_mail = SMTP in self._config.services
        endpoints = InstanceEndpoints(
            name, self._services, self._authority, rest, http, tls, way_out, mail, has_mail=has_mail
        )
        try:
            await self._open.enter_async_context(endpoints.open())
        except OSError as error:
            raise EnvironmentFailed(
                f"one of the ports {http} to {mail} of instance {name} cannot be used: {error.strerror or error}; "
                "choose others by `ports`, or end what uses it"
            ) from None
        return endpoints

    def _values(
        self, name: str, port: int, database_url: str, http_port: int, mail_port: int, role: Role
    ) -> Mapping[str, str]:
        values: Mapping[str, str] = {
            "port": str(port),
            "app_url": f"http://127.0.0.1:{port}" if self._config.url is None else self._config.url[self._place(name)],
            **find_parts(database_url),
            **placeholders.fill_in(functools.partial(url, http_port), api_key(name), self._services.names),
            **placeholders.fill_in_mail(mail_port),
            "supabase_url": url(http_port),
            "supabase_anon_key": keys.key_of("anon"),
            "supabase_service_role_key": keys.key_of(role),
            "supabase_jwt_secret": keys.SECRET,
            "cron_secret": self.secret,
            "instance": name,
        }
        return values

    def _cwd(self, name: str) -> Path:
        if not self._config.copy_cwd:
            return self._config.cwd
        copy = self._guard.folder / "copies" / name
        if not copy.exists():
            shutil.copytree(self._config.cwd, copy, symlinks=True, copy_function=_copy, ignore=NOT_COPIED)
        return copy

    def addresses(self, name: str) -> Mapping[str, str]:
        """Returns the environment that a server running as `name` must have been started with."""
        port = self.database_port(name)
        database_url = f"postgresql://cronproof:{DATABASE_PASSWORD}@127.0.0.1:{port}/cronproof?sslmode=disable"
        values = self._values(name, 0, database_url, port + 1, port + 4, "service_role")
        return self._config.environment(values)

    async def _start(self, servers: Sequence[Server]) -> None:
        try:
            async with asyncio.TaskGroup() as starting:
                for server in servers:
                    starting.create_task(self._start_one(server))
        except ExceptionGroup as failed:  # `except*` would wrap what is raised in it, before Python 3.11.3
            causes = [cause for cause in failed.exceptions if isinstance(cause, EnvironmentFailed)]
            if not causes:
                raise
            raise causes[0] from None  # one is enough: the others probably fail for the same reason

    async def _start_one(self, server: Server) -> None:
        if server.process is not None:
            server.looks, server.shared = 0, None
            await server.process.start()
            await server.process.ready(self._config.ready, seconds=self._config.ready_timeout)
        else:
            await self._reachable(server.url)

    async def _reachable(self, address: str) -> None:
        try:
            async with asyncio.timeout(self._config.ready_timeout):
                await self._http.request("GET", address + (self._config.ready or "/"))
        except (TimeoutError, *HTTP_ERRORS) as error:
            raise EnvironmentFailed(
                f"no server answers at {address} ({type(error).__name__}); start it first, or give a `command`"
            ) from None


def _has_ended(server: Server) -> bool:
    return server.process is not None and server.process.exit_code is not None


def _copy(source: str, copy: str) -> str:
    """Links files of node_modules, which nobody writes to; copies the rest."""
    if "node_modules" in Path(source).parts:
        with contextlib.suppress(OSError):
            os.link(source, copy)
            return copy
    return shutil.copy2(source, copy)
