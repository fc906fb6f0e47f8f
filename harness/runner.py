"""The main path: a scenario is played in every order that it names, on fresh rows each, and its checks are asked.

session(plan)                a server, a database of our own, mocks, a target: made once, kept warm
Session.verify(scenario)   one scenario: its runs, then its checks
Session.play(order)      one run: reset, call the instances, let one go at a time, look at what is left
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from fixtures.crons.context import Cron
from harness.checks import Check, Finding, Verdict
from harness.checks.check import inconclusive
from harness.errors import InvalidScenario, Mistake
from harness.evidence import CronResponse, Instance, Mark, Run, Sent
from harness.explore import overlap
from harness.explore.point import OpenGate
from harness.explore.scheduler import NotAtRest, Scheduler
from harness.mocks.openphone import Scripted
from harness.mocks.services import Services
from harness.postgres import database as databases
from harness.postgres import migration, server
from harness.postgres.database import Database, Rows
from harness.postgres.proxy import Proxy
from harness.postgres.server import Server
from harness.scenario.model import Scenario
from harness.scenario.reader import ScenarioFile
from harness.scenario.rows import Seed, api_keys, inserts, tables
from harness.target import in_process
from harness.target.target import Target

MAX_RECOVERY_ROUNDS = 100
CALL_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    """What to verify, and on what. `migrations` are applied after the reference schema."""

    target: str = "reference"
    postgres: str = "embedded"
    migrations: Sequence[Path] = (migration.LOCKING,)
    crons: Mapping[str, Cron] | None = None
    """Crons in place of those of the built-in target: how saboteurs are run."""


@dataclass(frozen=True)
class CheckResult:
    """What a check said about all runs of a scenario: FAIL if it failed in any. `order` says in which."""

    id: str
    verdict: Verdict
    message: str
    order: str | None = None


@dataclass(frozen=True)
class Exploration:
    """How thorough a scenario's runs were. `exhausted` says whether there is no further order to play."""

    strategy: str
    schedules: int
    exhausted: bool
    distinct_outcomes: int
    blocked_waits: int
    seconds: float


@dataclass(frozen=True)
class ScenarioResult:
    """A scenario's verdict, the checks behind it, and the evidence of every run."""

    file: ScenarioFile
    checks: Sequence[CheckResult]
    runs: Sequence[Run]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """FAIL if any check failed, else INCONCLUSIVE if any was, else PASS."""
        return worst([check.verdict for check in self.checks])

    @property
    def exploration(self) -> Exploration:
        """How much of what could happen was played."""
        overlapping = self.file.scenario.when is not None and len(self.file.scenario.when.instance_list) > 1
        return Exploration(
            strategy="overlaps" if overlapping else "single",
            schedules=len(self.runs),
            exhausted=not overlapping,
            distinct_outcomes=len({run.outcome for run in self.runs}),
            blocked_waits=sum(len(run.waits) for run in self.runs),
            seconds=self.seconds,
        )

    @property
    def reason(self) -> str | None:
        """Why it is not a PASS, in one sentence."""
        return next((f"{c.id}: {c.message}" for c in self.checks if c.verdict == self.verdict != "PASS"), None)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of many: FAIL outweighs INCONCLUSIVE, which outweighs PASS. Of none it is INCONCLUSIVE."""
    order: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
    return next((verdict for verdict in order if verdict in verdicts), "INCONCLUSIVE")


async def verify(
    plan: Plan, files: Sequence[ScenarioFile], *, budget_seconds: float | None, report: Reporter
) -> Sequence[ScenarioResult]:
    """Verifies all scenarios and tells the reporter of each as it finishes.

    Raises:
        UsageError: the plan or a scenario is wrong; nothing has been played then.
        EnvironmentFailed: there is no such Postgres.
    """
    deadline = math.inf if budget_seconds is None else time.monotonic() + budget_seconds
    results: list[ScenarioResult] = []
    async with session(plan) as opened:
        await opened.compile(files)
        report.started(opened, len(files))
        for file in files:
            if time.monotonic() > deadline:
                unasked = [CheckResult(c.id, "INCONCLUSIVE", "the budget had ended") for c in file.scenario.checks]
                results.append(ScenarioResult(file, unasked, [], 0.0))
            else:
                results.append(await opened.verify(file))
            report.finished(results[-1])
    return results


class Reporter(Protocol):
    """Whoever wants to hear of a run while it goes on."""

    def started(self, opened: Session, scenarios: int) -> None:
        """Everything is up, and no scenario has been played yet."""

    def finished(self, result: ScenarioResult) -> None:
        """One scenario is done."""


@contextlib.asynccontextmanager
async def session(plan: Plan) -> AsyncIterator[Session]:
    """Everything that scenarios run on, for as long as the block runs.

    Raises:
        UsageError: there is no such target, or a migration does not apply.
        EnvironmentFailed: there is no such Postgres.
    """
    in_process.named(plan.target)  # a wrong name is told before a server is started
    async with server.opened(plan.postgres) as postgres, session_on(postgres, plan) as opened:
        yield opened


@contextlib.asynccontextmanager
async def session_on(postgres: Server, plan: Plan) -> AsyncIterator[Session]:
    """As `session`, on a server that runs already."""
    crons = plan.crons or in_process.named(plan.target)
    async with databases.created(postgres) as database:
        await database.migrate([*migration.reference_schema(), *plan.migrations])
        await database.prepare()
        seed = Seed()
        services = Services(frozenset())
        target = in_process.InProcess(plan.target, crons, database, services)
        async with contextlib.AsyncExitStack() as proxies, target.running():
            yield Session(database, services, target, seed, proxies)


@dataclass
class Session:
    """A server, a database, mocks and a target, kept warm from scenario to scenario."""

    database: Database
    services: Services
    target: Target
    seed: Seed
    _open: contextlib.AsyncExitStack
    _proxies: dict[str, Proxy] = field(default_factory=dict)

    async def compile(self, files: Sequence[ScenarioFile]) -> None:
        """Looks whether the database takes the rows of all scenarios.

        Raises:
            InvalidScenario: with every mistake of every file.
        """
        mistakes: list[Mistake] = []
        for file in files:
            try:
                rows = inserts(file, self.seed, self.database.catalog)
            except InvalidScenario as invalid:
                mistakes += invalid.mistakes
            else:
                refused = await self.database.refused([row.statement for row in rows])
                mistakes += [rows[position].mistake(reason) for position, reason in refused]
        if mistakes:
            raise InvalidScenario(mistakes)

    async def verify(self, file: ScenarioFile) -> ScenarioResult:
        """Plays one scenario in every order that it names, and asks its checks.

        Raises:
            InvalidScenario: its rows do not fit the database.
        """
        started = time.monotonic()
        scenario = file.scenario
        rows = await self.database.script([row.statement for row in inserts(file, self.seed, self.database.catalog)])
        runs: list[Run] = []
        if scenario.when is None:
            runs.append(Run(order="catalog", functions=self.database.catalog.functions))
        else:
            await self._prepare(scenario)
            for name in scenario.when.overlaps:
                runs += await self._play_all(name, file, rows)
        results = [_ask(check, runs) for check in scenario.checks]
        return ScenarioResult(file, results, runs, time.monotonic() - started)

    async def _prepare(self, scenario: Scenario) -> None:
        assert scenario.when is not None  # noqa: S101  (for the type checker: the caller has looked)
        for instance in scenario.when.instance_list:
            if instance.name not in self._proxies:
                proxy = Proxy(instance.name, self.database.upstream, OpenGate())
                await self._open.enter_async_context(proxy.listening())
                self._proxies[instance.name] = proxy
        needed = {instance.name: self._proxies[instance.name] for instance in scenario.when.instance_list}
        await self.target.prepare(needed, scenario.given.role)

    async def _play_all(self, name: overlap.OverlapName, file: ScenarioFile, rows: bytes) -> list[Run]:
        """The runs of one named overlap: one, or as many as the first instance has points."""
        match name:
            case "one-after-the-other":
                return [await self.play(name, overlap.one_after_the_other, file, rows)]
            case "step-by-step":
                return [await self.play(name, overlap.step_by_step, file, rows)]
            case "held-anywhere":
                runs: list[Run] = []
                for steps in count(1):
                    run = await self.play(f"{name} ({steps})", overlap.held_at_step(steps), file, rows)
                    if run.never_reached and runs:  # the point before was the last
                        return runs
                    runs.append(run)
                    if run.hindrance:
                        return runs
            case place:
                return [await self.play(place, overlap.held_at(place), file, rows)]
        raise AssertionError("unreachable")

    async def play(self, order: str, play: overlap.Play, file: ScenarioFile, rows: bytes) -> Run:
        """One run: fresh rows, the instances played in one order, recovery, and what all of it has left behind."""
        given, when = file.scenario.given, file.scenario.when
        assert when is not None  # noqa: S101  (for the type checker: only scenarios that call are played)
        instances = when.instance_list
        proxies = [self._proxies[instance.name] for instance in instances]
        await self.database.reset(rows)
        refuses = [Scripted(refusal.error, refusal.to, refusal.times) for refusal in given.openphone.refuses]
        self.services.api_keys = frozenset({in_process.API_KEY, *api_keys(file, self.seed)})
        self.services.reset(refuses, given.openphone.envelope)
        for proxy in proxies:
            proxy.forget()
        looked_at = tables(file, self.database.catalog)
        before = await self.database.rows(looked_at)
        scheduler = Scheduler(functools.partial(self._blockers, proxies))
        responses: dict[str, CronResponse] = {}
        hindrance, never_reached = None, False
        secret = {"right": in_process.CRON_SECRET, "wrong": "not the secret", "none": None}[when.secret]

        async def call(instance: Instance) -> None:
            responses[instance.name] = await self.target.call(instance, method=when.method, secret=secret)

        with self.target.isolated():
            with self._held_by(scheduler, proxies):
                scheduler.prepare({instance.name: functools.partial(call, instance) for instance in instances})
                try:
                    await play(scheduler)
                except overlap.NeverReached as error:
                    hindrance, never_reached = str(error), True
                except NotAtRest as error:
                    hindrance = str(error)
                finally:
                    if hindrance:  # what still runs must neither keep the instances waiting nor meet the next run
                        await self._terminate(proxies)
                    await scheduler.abandon()
            silent = [instance.name for instance in instances if instance.name not in responses]
            if hindrance is None and silent:
                hindrance = f"{' and '.join(silent)} ended without a response"
            run = Run(
                order=order,
                role=given.role,
                instances=instances,
                responses=[responses[i.name] for i in instances if i.name in responses],
                steps=scheduler.steps,
                waits=scheduler.waits,
                errors=[error for proxy in proxies for error in proxy.errors],
                sent=self._sent(instances),
                escapes=list(self.services.escapes),
                marks=await self._marks(proxies),
                before=before,
                after=await self.database.rows(looked_at),
                functions=self.database.catalog.functions,
                hindrance=hindrance,
                never_reached=never_reached,
            )
            if hindrance is None and any(check.needs_recovery for check in file.scenario.checks):
                try:
                    recovered = await self._recover(instances, run.after)
                except TimeoutError:
                    await self._terminate(proxies)
                    return replace(run, hindrance=f"a cron that ran again had not ended after {CALL_SECONDS:g} s")
                run = replace(run, sent=self._sent(instances, len(run.sent)), recovered=recovered)
                if not recovered:
                    run = replace(
                        run, hindrance=f"rows or messages still changed after {MAX_RECOVERY_ROUNDS} more runs"
                    )
        return run

    async def _terminate(self, proxies: Sequence[Proxy]) -> None:
        await self.database.terminate([pid for proxy in proxies for pid in proxy.pids])

    async def _recover(self, instances: Sequence[Instance], rows: Rows) -> Rows:
        """Calls the crons again, one after the other and without faults, until neither messages nor rows change.

        Returns the rows then; none if they went on changing. A time is only looked at for being there: a refused message
        may be tried anew each time.

        Raises:
            TimeoutError: a call did not end.
        """
        self.services.recover()
        before = self.services.accepted, self.database.catalog.without_times(rows)
        for _ in range(MAX_RECOVERY_ROUNDS):
            for instance in {instance.cron: instance for instance in instances}.values():
                async with asyncio.timeout(CALL_SECONDS):
                    await self.target.call(instance, method="GET", secret=in_process.CRON_SECRET)
            rows = await self.database.rows(list(rows))
            now = self.services.accepted, self.database.catalog.without_times(rows)
            if now == before:
                return rows
            before = now
        return {}

    @contextlib.contextmanager
    def _held_by(self, scheduler: Scheduler, proxies: Sequence[Proxy]) -> Iterator[None]:
        for proxy in proxies:
            proxy.gate = scheduler
        self.services.gate = scheduler
        try:
            yield
        finally:
            for proxy in proxies:
                proxy.gate = OpenGate()
            self.services.gate = OpenGate()

    async def _blockers(self, proxies: Sequence[Proxy], instance: str) -> list[str]:
        waiting = next(proxy for proxy in proxies if proxy.instance == instance)
        whose = {pid: proxy.instance for proxy in proxies for pid in proxy.pids}
        blockers = await self.database.blockers(list(waiting.pids), list(whose))
        return sorted({whose[pid] for pid in blockers if pid in whose})

    async def _marks(self, proxies: Sequence[Proxy]) -> list[Mark]:
        whose = {pid: proxy.instance for proxy in proxies for pid in proxy.all_pids}
        return [
            Mark(whose[write.backend_pid], write.job_id, write.sent_column, write.is_set)
            for write in await self.database.flag_writes()
            if write.backend_pid in whose
        ]

    def _sent(self, instances: Sequence[Instance], of_the_run: int | None = None) -> list[Sent]:
        crons = {instance.name: instance.cron for instance in instances}
        return [
            Sent(
                message.cron or crons[message.instance],
                message,
                recovering=of_the_run is not None and number >= of_the_run,
            )
            for number, message in enumerate(self.services.messages)
        ]


def _ask(check: Check, runs: Sequence[Run]) -> CheckResult:
    """What the check says of all runs: the first failure, else the first doubt, else what it saw in the first run."""
    findings = [(run, _examine(check, run)) for run in runs]
    for verdict in ("FAIL", "INCONCLUSIVE"):
        for run, finding in findings:
            if finding.verdict == verdict:
                return CheckResult(check.id, finding.verdict, finding.message, run.order)
    run, finding = findings[0]
    return CheckResult(check.id, finding.verdict, finding.message, run.order if len(runs) == 1 else None)


def _examine(check: Check, run: Run) -> Finding:
    """An execution that was cut short proves nothing: what is missing may be missing for that reason."""
    return inconclusive(run.hindrance) if run.hindrance else check.examine(run)
