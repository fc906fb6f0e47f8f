"""A session: the server, database, services and target of scenarios, kept warm between them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace

import psycopg

from cronproof.config.config_file import ConfigFile
from cronproof.domain.application import Application
from cronproof.domain.choice import Data
from cronproof.domain.database import ROLES, Role
from cronproof.domain.message import BlockedCall
from cronproof.engine.plan import Plan
from cronproof.engine.preparation import Preparation, Setting
from cronproof.engine.rig import Rig
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.errors import EnvironmentFailed, InvalidConfig, InvalidScenario, Mistake, nearest
from cronproof.gate.fault import FAULT_NAMES, SEVERAL_FAULTS
from cronproof.gate.gate import SHARED, OpenGate
from cronproof.postgres import lifecycle
from cronproof.postgres.catalog import Catalog
from cronproof.postgres.connect import describe_error
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server
from cronproof.postgres.units import InvalidDeclarationError
from cronproof.scenario.choices import alternatives, apply_choice
from cronproof.scenario.reader import ScenarioFile
from cronproof.scenario.rows import Seed, inserts, tables
from cronproof.scenario.work_mistakes import find_work_mistakes
from cronproof.services.bundled import BUNDLED
from cronproof.services.in_process import caller
from cronproof.services.services import Services
from cronproof.targets import imported, network
from cronproof.targets.commands import Commands
from cronproof.targets.external import External
from cronproof.targets.in_process import InProcess
from cronproof.targets.schema_command import make_schema
from cronproof.targets.secrets import DATABASE_PASSWORD
from cronproof.targets.target import Target


@contextlib.asynccontextmanager
async def open_session(plan: Plan) -> AsyncIterator[Session]:
    """Opens a session for as long as the block runs.

    Raises:
        UsageError: a migration does not apply, or the command that makes the schema fails.
        EnvironmentFailed: there is no such Postgres.
    """
    async with server.open_server(plan.postgres) as postgres, open_session_on(postgres, plan) as session:
        yield session


@contextlib.asynccontextmanager
async def open_session_on(postgres: Server, plan: Plan) -> AsyncIterator[Session]:
    """Opens a session on a server that is already running."""
    password = None if plan.target_config.url is None else DATABASE_PASSWORD
    async with lifecycle.create_database(postgres, password=password) as database:
        await database.migrate([*plan.schema, *plan.migrations])
        await make_schema(plan.target, plan.target_config, database)
        application = await _declare(plan, database)
        services = Services(frozenset(), declared=plan.services)
        async with _target(plan, database, services) as target, contextlib.AsyncExitStack() as proxies:
            yield Session(plan, database, services, target, application, _Connections(database), proxies)


async def _declare(plan: Plan, database: Database) -> Application:
    """Prepares the database for what is declared of it.

    Raises:
        InvalidConfig: what is declared does not fit it.
    """
    try:
        await database.prepare(plan.application.works)
    except InvalidDeclarationError as error:
        assert plan.config is not None  # noqa: S101  (for the type checker: it was declared there)
        raise InvalidConfig([ConfigFile(plan.config).mistake(error.path, error.message)]) from None
    if plan.config is not None and (mistakes := list(_find_unknown(plan.application, database.catalog))):
        file = ConfigFile(plan.config)
        raise InvalidConfig([file.mistake(path, message) for path, message in mistakes])
    works = [view.work for view in database.works]
    return replace(plan.application, works=works, references=database.catalog.references)


def _find_unknown(application: Application, catalog: Catalog) -> Iterator[tuple[Sequence[str], str]]:
    """Yields the tables and columns of owners and aliases that there are not."""
    for path, table, columns in application.named_columns():
        if table not in catalog.columns:
            yield [*path, "table"], f"there is no table {table!r}{nearest(table, list(catalog.columns))}"
            continue
        for _, message in catalog.find_unknown(table, columns):
            yield path, message


@contextlib.asynccontextmanager
async def _target(plan: Plan, database: Database, services: Services) -> AsyncIterator[Target]:
    """Makes the target of a plan. Its instances end with the block."""
    config = plan.target_config
    if config.is_external:
        kind = Commands if config.run is not None else External
        external = kind(plan.target, config, database, services, plan.logs)
        async with external.running():
            yield external
    else:
        factory = plan.factory or imported.find_factory(config)
        in_process = InProcess(plan.target, factory, database, services, config)

        def refused(url: str) -> None:
            services.blocked_calls.append(BlockedCall(caller.get(), url))

        with imported.importing(config), network.confined(refused, database.hosts):
            async with in_process.running():
                yield in_process


@dataclass
class _Connections:
    """The connections of all instances. Faults can end some, or all by a server restart."""

    database: Database
    proxies: dict[str, Proxy] = field(default_factory=dict)
    must_reconnect: set[tuple[str, Role]] = field(default_factory=set)

    async def end(self, pids: Sequence[int]) -> None:
        """Ends backends, and returns when nothing is left of them and of their transactions."""
        await self.database.end(pids)

    async def restart(self) -> None:
        """Ends every connection, those of other scenarios' instances included."""
        pids = [pid for proxy in self.proxies.values() for pid in proxy.pids]
        self.must_reconnect.update((place, role) for place in self.proxies for role in ROLES)
        await self.database.end(pids)
        await asyncio.gather(*(proxy.wait_until_closed(pids) for proxy in self.proxies.values()))


_READS = re.compile(r"\s*(select|with|values|table)\b|\s*\(", re.IGNORECASE)
"""How a query begins."""


@dataclass
class Session:
    """A server, a database, services and a target."""

    plan: Plan
    database: Database
    services: Services
    target: Target
    application: Application
    """What is declared about the application, with what the database says of it."""
    _connections: _Connections
    _open: contextlib.AsyncExitStack

    def __post_init__(self) -> None:
        self._seed = Seed.read(self.plan.seed_rows)

    async def compile(self, files: Sequence[ScenarioFile]) -> None:
        """Checks that the database accepts the rows of all scenarios, with each of their values.

        Raises:
            InvalidScenario: with every mistake of every file.
        """
        mistakes: list[Mistake] = []
        for file in files:
            mistakes += self._unknown_crons(file)
            mistakes += self._unknown_services(file)
            mistakes += self._unknown_faults(file)
            found = find_work_mistakes(file.scenario, self.application)
            mistakes += [file.source.mistake(path, message) for path, message in found]
            mistakes += await self._refused_queries(file)
            for data in alternatives(file.scenario):
                mistakes += await self._mistakes(replace(file, scenario=apply_choice(file.scenario, data)))
        if mistakes:
            raise InvalidScenario(list(dict.fromkeys(mistakes)))

    async def _refused_queries(self, file: ScenarioFile) -> list[Mistake]:
        """Returns the queries of checks that the database refuses."""
        found = []
        for number, check in enumerate(file.scenario.checks):
            for query in filter(lambda one: isinstance(one, str), check.queries):
                try:
                    await self.database.ask(query)
                except psycopg.Error as error:
                    hint = "" if _READS.match(str(query)) else "; it must be a query, and cannot write"
                    found.append(
                        file.source.mistake(["then", number, check.id, "sql"], f"{describe_error(error)}{hint}")
                    )
        return found

    def _unknown_crons(self, file: ScenarioFile) -> Iterator[Mistake]:
        """Yields the calls of crons that the configuration does not name, if it names any."""
        known = list(self.plan.crons)
        for number, cron in enumerate(file.scenario.when.call if file.scenario.when and known else ()):
            if cron not in known:
                message = f"{cron!r} is no cron of the configuration{nearest(cron, known)}"
                yield file.source.mistake(["when", "call", number], message)

    def _unknown_services(self, file: ScenarioFile) -> Iterator[Mistake]:
        """Yields the services that a scenario has behave in some way, and that there are not."""
        for name, given in file.scenario.given.services.items():
            place = ["given", "services", name]
            api = self.services.apis.get(name)
            if api is None:
                known = self.services.names
                hint = (
                    f"; name it in the configuration: `[services.{name}]`" if name in BUNDLED else nearest(name, known)
                )
                yield file.source.mistake(place, f"there is no service {name!r}{hint}")
                continue
            for number, refusal in enumerate(given.refuses):
                if refusal.error not in api.refusals:
                    message = f"{name} has no error {refusal.error!r}{nearest(refusal.error, api.refusals)}"
                    yield file.source.mistake([*place, "refuses", number, "error"], message)
            for option, value in given.options.items():
                if value not in api.choices.get(option, ()):
                    has = ", ".join(f"{one}: {' | '.join(values)}" for one, values in api.choices.items())
                    message = f"{name} has no option {option}: {value}; it has {has or 'none'}"
                    yield file.source.mistake([*place, "options", option], message)

    @property
    def fault_names(self) -> list[str]:
        """The names of all faults: those that are no refusals, and the errors of every service."""
        refusals = dict.fromkeys(name for api in self.services.apis.values() for name in api.refusals)
        return [*FAULT_NAMES, *refusals]

    def _unknown_faults(self, file: ScenarioFile) -> Iterator[Mistake]:
        """Yields the names of faults that are neither faults nor errors of any service."""
        known = self.fault_names
        named: list[tuple[Sequence[str | int], str]] = []
        if file.scenario.when is not None:
            faults = enumerate(file.scenario.when.faults)
            named += [(["when", "faults", number], name) for number, name in faults if name not in SEVERAL_FAULTS]
        for number, check in enumerate(file.scenario.checks):
            named += [(["then", number, check.id, *place], name) for place, name in check.named_faults]
        for place, name in named:
            if name not in known:
                yield file.source.mistake(place, f"there is no fault {name!r}{nearest(name, known)}")

    async def _mistakes(self, file: ScenarioFile) -> list[Mistake]:
        try:
            rows = inserts(file, self._seed, self.database.catalog, self.application.owners)
        except InvalidScenario as invalid:
            return list(invalid.mistakes)
        refused = await self.database.refused([row.statement for row in rows])
        return [rows[position].mistake(reason) for position, reason in refused]

    async def prepare(self, file: ScenarioFile) -> ScenarioRunner:
        """Makes a scenario ready to be executed.

        Raises:
            InvalidScenario: its rows do not fit the database.
            EnvironmentFailed: an instance does not start.
        """
        scenario = file.scenario
        assert scenario.when is not None  # noqa: S101  (for the type checker: only scenarios that call are executed)
        places = {i.name: SHARED if self.target.is_shared else i.name for i in scenario.when.instance_list}
        for name, place in places.items():
            if place not in self._connections.proxies:
                self._connections.proxies[place] = await self._proxy(name, place)
        needed = {name: self._connections.proxies[place] for name, place in places.items()}
        await self.target.prepare(needed, scenario.given.role)

        looked_at = tables(file, self._seed, self.database.catalog, self.application)

        async def setting(data: Data) -> Setting:
            variant = replace(file, scenario=apply_choice(scenario, data))
            rows = inserts(variant, self._seed, self.database.catalog, self.application.owners)
            script = await self.database.script([row.statement for row in rows], scenario.given.clock)
            await self.database.tidy(looked_at)
            given, owners = [self._seed.rows, variant.scenario.given.flat_rows], self.application.owners
            if owners is None:
                return Setting(script, self.target.api_keys, {})
            return Setting(script, self.target.api_keys | owners.find_api_keys(given), owners.find_credentials(given))

        proxies = list(dict.fromkeys(needed.values()))
        rig = Rig(
            self.database, self.services, self.target, proxies, self._connections.must_reconnect, self.application
        )
        rig.ignore(())
        return ScenarioRunner(Preparation(scenario, scenario.when, setting, rig), looked_at, rig)

    async def _proxy(self, name: str, place: str) -> Proxy:
        """Starts a proxy that listens where the instance expects its database."""
        port = self.target.database_port(name)
        proxy = Proxy(
            place,
            self.database.upstream,
            OpenGate(),
            observer=self.database.observer,
            holder=self.database.inside,
            port=port,
            connections=self._connections,
        )
        try:
            await self._open.enter_async_context(proxy.listening())
        except OSError as error:
            reason = f"{error.strerror or error}; choose others by `ports`, or end what uses it"
            raise EnvironmentFailed(f"the port {port} of instance {name} cannot be used: {reason}") from None
        return proxy
