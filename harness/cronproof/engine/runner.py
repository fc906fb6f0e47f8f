"""The main path: a scenario is played in every order that it asks for, on fresh rows each, and its checks are asked.

session(plan)             a server, a database of our own, mocks, a target: made once, kept warm
Session.stage(file)       one scenario, ready to be played (stage.py)
Session.verify(file)      its named overlaps, then its interleavings, then its checks (verification.py)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

from cronproof.engine.journal import Journal
from cronproof.engine.results import CheckResult, Exploration, ScenarioResult, Tally
from cronproof.engine.scenario_runner import Setting, Stage
from cronproof.engine.verification import Verification
from cronproof.engine.workers import Workers, working
from cronproof.errors import EnvironmentFailed, InvalidScenario, Mistake
from cronproof.evidence.evidence import Run
from cronproof.explore.explorer import INTERRUPTED, Coverage
from cronproof.explore.schedule import Data
from cronproof.gate.point import SHARED, OpenGate
from cronproof.postgres import database as databases
from cronproof.postgres import migration
from cronproof.postgres.database import ROLES, Database, Role
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server
from cronproof.scenario.choices import alternatives, chosen
from cronproof.scenario.reader import ScenarioFile
from cronproof.scenario.rows import Seed, api_keys, inserts, tables
from cronproof.services.services import Services
from cronproof.targets import in_process
from cronproof.targets.config import TargetConfig
from cronproof.targets.config import chosen as configured
from cronproof.targets.outside import Outside
from cronproof.targets.secrets import DATABASE_PASSWORD
from cronproof.targets.target import Target


@dataclass(frozen=True)
class Plan:
    """What to verify, and on what. `migrations` are applied after the `schema`."""

    target: str = "reference"
    postgres: str = "embedded"
    schema: Sequence[Path] = field(default_factory=migration.reference_schema)
    migrations: Sequence[Path] = (migration.LOCKING,)
    outside: TargetConfig | None = None
    """The target, where it is none of the built-in ones."""
    logs: Path = Path("reports/logs")
    """The folder of what a target outside writes."""
    application: in_process.Application | None = None
    """What makes the instances of the built-in target in its place."""
    edited: Mapping[str, str] = field(default_factory=dict)
    """Migrations with other texts than their files have, by their names from the root of the repository."""
    seeks_failures: bool = False
    """Whether the first failure is all that is wanted: nothing is explored behind it, and nothing shortened."""
    workers: int = 1
    """How many processes verify scenarios, or explore the only one."""
    seed: int = 0
    """What samples are drawn from."""
    journal: Path | None = None
    """Where the runs of the exploration are kept, so that it can go on after an interruption."""
    goes_on: bool = False
    """Whether it goes on from there."""
    config: Path | None = None
    """The file that says what the target is."""
    shows_data: bool = False
    """Whether phone numbers and texts may be seen."""

    @classmethod
    def chosen(cls, target: str | None, config: Path | None, migrations: Sequence[Path] | None, **others: Any) -> Self:
        """The plan that the command line asks for: a target of the configuration, by default its first one, or a built-in.

        Migrations that are named come after the reference schema, and instead of its claim functions; after those that
        the target has for itself, if it has any.

        Raises:
            UsageError: there is no such target, or the configuration says nothing that can be done.
        """
        file = configured(config)
        name = target or ("reference" if file is None else next(iter(file.targets)))
        if file is None or (name in in_process.BUILT_IN and name not in file.targets):
            return cls(name, migrations=migrations or in_process.named(name).migrations, **others)
        outside, schema = file.named(name), file.migrations(name)
        if schema is None:
            schema, migrations = migration.reference_schema(), migrations or (migration.LOCKING,)
        return cls(name, schema=schema, migrations=migrations or (), outside=outside, config=file.file, **others)


async def verify(
    plan: Plan, files: Sequence[ScenarioFile], *, budget_seconds: float | None, report: Reporter
) -> Sequence[ScenarioResult]:
    """Verifies all scenarios and tells the reporter of each as it finishes.

    Raises:
        UsageError: the plan or a scenario is wrong; nothing has been played then.
        EnvironmentFailed: there is no such Postgres.
    """
    deadline = math.inf if budget_seconds is None else time.monotonic() + budget_seconds
    helpers = plan.workers - 1 if len(files) > 1 else 0  # who is alone with one has it explored by all
    own = replace(plan, workers=1) if helpers else plan
    _check(plan)
    async with server.opened(plan.postgres) as postgres, session_on(postgres, own) as opened:
        await opened.compile(files)
        report.started(opened, len(files))
        queue = _Queue(files, deadline, report)
        async with working(postgres, own, helpers) as workers:
            helping = [
                asyncio.create_task(queue.help(functools.partial(workers.verify, number))) for number in range(helpers)
            ]
            ours = functools.partial(opened.verify, report=report)
            try:
                await queue.work(ours)
                await queue.end(helping)
                await queue.work(ours)  # what a helper has died of, if any has
            finally:
                for task in helping:
                    task.cancel()
        return queue.all_results()


Verify = Callable[..., Awaitable[ScenarioResult]]
"""Verifies a scenario before a `deadline`."""


class _Queue:
    """Scenarios that one process or several verify, each the next one. Who waits for results hears of them in their order."""

    def __init__(self, files: Sequence[ScenarioFile], deadline: float, report: Reporter) -> None:
        self._files = files
        self._deadline = deadline
        self._report = report
        self._results: dict[int, ScenarioResult] = {}
        self._waiting = deque(range(len(files)))
        self._told = 0
        self._interrupted = False

    async def work(self, verify: Verify) -> None:
        """Takes one scenario after the other, as long as there are any and time is left."""
        while self._waiting and time.monotonic() <= self._deadline and not self._interrupted:
            number = self._waiting.popleft()
            try:
                self._results[number] = await verify(self._files[number], deadline=self._deadline)
            except asyncio.CancelledError:  # Ctrl-C: what was found until then is told
                self._interrupted = True
                return
            except EnvironmentFailed:
                self._waiting.appendleft(number)
                raise
            self._interrupted |= self._results[number].interrupted
            self._tell()

    async def help(self, verify: Verify) -> None:
        """As `work`, by a process that may die: then what it was about is left to somebody else."""
        with contextlib.suppress(EnvironmentFailed):
            await self.work(verify)

    async def end(self, helping: Sequence[asyncio.Task[None]]) -> None:
        """Waits until the helpers are done as well, or nobody waits for more."""
        if not self._interrupted:
            try:
                await asyncio.gather(*helping)
            except asyncio.CancelledError:
                self._interrupted = True

    def all_results(self) -> Sequence[ScenarioResult]:
        """Those of all scenarios; the ones to which nobody came prove nothing."""
        ended = INTERRUPTED if self._interrupted else "the budget had ended"
        for number, file in enumerate(self._files):
            if number not in self._results:
                unasked = [CheckResult(c.id, "INCONCLUSIVE", ended) for c in file.scenario.checks]
                nothing = Exploration("none", 0, False, 0, 0, seconds=0.0, ended="stopped")
                interrupted = self._interrupted
                self._results[number] = ScenarioResult(file, unasked, [], nothing, interrupted=interrupted)
        self._tell()
        return [self._results[number] for number in range(len(self._files))]

    def _tell(self) -> None:
        while self._told in self._results:
            self._report.finished(self._results[self._told])
            self._told += 1


class Reporter(Protocol):
    """Whoever wants to hear of a run while it goes on."""

    def started(self, opened: Session, scenarios: int) -> None:
        """Everything is up, and no scenario has been played yet."""

    def progress(self, file: ScenarioFile, coverage: Coverage) -> None:
        """A schedule of a scenario's interleavings was run."""

    def finished(self, result: ScenarioResult) -> None:
        """One scenario is done."""


def _check(plan: Plan) -> None:
    """Has a wrong name told before a server is started."""
    if plan.outside is None:
        in_process.named(plan.target)


@contextlib.asynccontextmanager
async def session(plan: Plan) -> AsyncIterator[Session]:
    """Everything that scenarios run on, for as long as the block runs.

    Raises:
        UsageError: there is no such target, or a migration does not apply.
        EnvironmentFailed: there is no such Postgres.
    """
    _check(plan)
    async with server.opened(plan.postgres) as postgres, session_on(postgres, plan) as opened:
        yield opened


@contextlib.asynccontextmanager
async def session_on(postgres: Server, plan: Plan) -> AsyncIterator[Session]:
    """As `session`, on a server that runs already."""
    helped = working(postgres, replace(plan, workers=1), plan.workers) if plan.workers > 1 else contextlib.nullcontext()
    password = DATABASE_PASSWORD if plan.outside is not None and plan.outside.url is not None else None
    async with databases.created(postgres, password=password) as database, helped as workers:
        await database.migrate([*plan.schema, *plan.migrations], plan.edited)
        await database.prepare()
        services = Services(frozenset())
        target: Outside | in_process.InProcess
        if plan.outside is not None:
            target = Outside(plan.target, plan.outside, database, services, plan.logs)
        else:
            application = plan.application or in_process.named(plan.target).application
            target = in_process.InProcess(plan.target, application, database, services)
        async with contextlib.AsyncExitStack() as proxies, target.running():
            yield Session(plan, database, services, target, workers, proxies)


@dataclass
class Session:
    """A server, a database, mocks and a target, kept warm from scenario to scenario."""

    plan: Plan
    database: Database
    services: Services
    target: Target
    workers: Workers | None
    _open: contextlib.AsyncExitStack
    _proxies: dict[str, Proxy] = field(default_factory=dict)
    _shaken: set[tuple[str, Role]] = field(default_factory=set)

    def __post_init__(self) -> None:
        of_target = None if self.plan.outside is None else self.plan.outside.seed
        self._seed = Seed() if of_target is None else Seed(of_target)

    async def compile(self, files: Sequence[ScenarioFile]) -> None:
        """Looks whether the database takes the rows of all scenarios, whichever of their values are chosen.

        Raises:
            InvalidScenario: with every mistake of every file.
        """
        mistakes: list[Mistake] = []
        for file in files:
            for data in alternatives(file.scenario):
                mistakes += await self._mistakes(replace(file, scenario=chosen(file.scenario, data)))
        if mistakes:
            raise InvalidScenario(list(dict.fromkeys(mistakes)))

    async def _mistakes(self, file: ScenarioFile) -> list[Mistake]:
        try:
            rows = inserts(file, self._seed, self.database.catalog)
        except InvalidScenario as invalid:
            return list(invalid.mistakes)
        refused = await self.database.refused([row.statement for row in rows])
        return [rows[position].mistake(reason) for position, reason in refused]

    async def verify(
        self, file: ScenarioFile, *, deadline: float = math.inf, report: Reporter | None = None
    ) -> ScenarioResult:
        """Plays one scenario in every order that it asks for, and asks its checks.

        Raises:
            InvalidScenario: its rows do not fit the database.
            UsageError: the plan asks to go on with a search that is none of this scenario.
        """
        started = time.monotonic()
        if file.scenario.when is None:
            tally = Tally(file.scenario)
            tally.add(Run(order="catalog", functions=self.database.catalog.functions))
            seconds = time.monotonic() - started
            return ScenarioResult(file, tally.results, tally.runs, tally.exploration("single", None, seconds))

        def progress(coverage: Coverage) -> None:
            if report is not None:
                report.progress(file, coverage)

        stage = await self.stage(file)
        verification = Verification(
            file=file,
            stage=stage,
            workers=self.workers,
            deadline=deadline,
            progress=progress,
            seed=self.plan.seed,
            seeks_failures=self.plan.seeks_failures,
            migrations=self.plan.migrations,
            config=self.plan.config,
            journal=self._journal(file),
            started=started,
        )
        self.target.listen()
        with self.target.isolated():
            result = await verification.result()
        return result if result.verdict == "PASS" else replace(result, output=self.target.output())

    def _journal(self, file: ScenarioFile) -> Journal | None:
        """Where the runs of the exploration are kept, if they are: below what it is that they belong to."""
        if self.plan.journal is None or file.scenario.when is None:
            return None
        about = {
            "scenario": f"{file.id} {file.source.sha256}",
            "interleavings": str(file.scenario.when.interleavings),
            "faults": str(file.scenario.when.faults),
            "target": self.plan.target,
            "seed": str(self.plan.seed),
            "postgres": self.database.version,
            "migrations": ", ".join(f"{path.name} {sha256[:12]}" for path, sha256 in self.database.applied),
        }
        return Journal(self.plan.journal, about, goes_on=self.plan.goes_on)

    async def _end_all(self) -> None:
        pids = [pid for proxy in self._proxies.values() for pid in proxy.pids]
        # Instances of other scenarios, too, find out at their next call.
        self._shaken.update((place, role) for place in self._proxies for role in ROLES)
        await self.database.end(pids)
        await asyncio.gather(*(proxy.hung_up(pids) for proxy in self._proxies.values()))

    async def stage(self, file: ScenarioFile) -> Stage:
        """One scenario, ready to be played.

        Raises:
            InvalidScenario: its rows do not fit the database.
            EnvironmentFailed: an instance does not start.
        """
        scenario = file.scenario
        assert scenario.when is not None  # noqa: S101  (for the type checker: only scenarios that call are played)
        places = {i.name: SHARED if self.target.is_shared else i.name for i in scenario.when.instance_list}
        for name, place in places.items():
            if place not in self._proxies:
                port = self.target.database_port(name)
                proxy = Proxy(place, self.database.upstream, OpenGate(), port=port)
                proxy.end, proxy.end_all = self.database.end, self._end_all
                try:
                    await self._open.enter_async_context(proxy.listening())
                except OSError as error:
                    reason = f"{error.strerror or error}; choose others by `ports`, or end what uses it"
                    raise EnvironmentFailed(f"the port {port} of instance {name} cannot be used: {reason}") from None
                self._proxies[place] = proxy
        needed = {name: self._proxies[place] for name, place in places.items()}
        await self.target.prepare(needed, scenario.given.role)

        looked_at = tables(file, self.database.catalog)

        async def setting(data: Data) -> Setting:
            variant = replace(file, scenario=chosen(scenario, data))
            rows = inserts(variant, self._seed, self.database.catalog)
            script = await self.database.script([row.statement for row in rows], scenario.given.clock)
            await self.database.tidy(looked_at)
            return Setting(script, self.target.api_keys | api_keys(variant, self._seed))

        return Stage(
            scenario=scenario,
            setting=setting,
            tables=looked_at,
            database=self.database,
            services=self.services,
            target=self.target,
            proxies=list(dict.fromkeys(needed.values())),
            shaken=self._shaken,
        )
