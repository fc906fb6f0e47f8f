"""The main path: a scenario is played in every order that it asks for, on fresh rows each, and its checks are asked.

session(plan)             a server, a database of our own, mocks, a target: made once, kept warm
Session.stage(file)       one scenario, ready to be played (stage.py)
Session.verify(file)      its named overlaps, then its interleavings (explore/), then its checks
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from fixtures.crons.context import Cron
from harness.checks import Finding, Verdict
from harness.errors import InvalidScenario, Mistake
from harness.evidence import Run
from harness.explore import explorer, overlap, timeline
from harness.explore.counterexample import Counterexample
from harness.explore.explorer import INTERRUPTED, Coverage
from harness.explore.names import step_name
from harness.explore.point import OpenGate
from harness.explore.schedule import Follow
from harness.explore.search import Task
from harness.explore.timeline import Timeline
from harness.mocks.services import Services
from harness.postgres import database as databases
from harness.postgres import migration, server
from harness.postgres.database import Database
from harness.postgres.proxy import Proxy
from harness.postgres.server import Server
from harness.scenario.model import Scenario
from harness.scenario.reader import ScenarioFile
from harness.scenario.rows import Seed, api_keys, inserts, tables
from harness.stage import Glance, Stage, examine
from harness.target import in_process
from harness.target.target import Target
from harness.workers import Workers, working

MAX_EVIDENCE_RUNS = 50
WORST = ("no-duplicate", "no-loss")


@dataclass(frozen=True)
class Plan:
    """What to verify, and on what. `migrations` are applied after the reference schema."""

    target: str = "reference"
    postgres: str = "embedded"
    migrations: Sequence[Path] = (migration.LOCKING,)
    crons: Mapping[str, Cron] | None = None
    """Crons in place of those of the built-in target: how saboteurs are run."""
    workers: int = 1
    """How many processes explore."""


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
    """A scenario's verdict, the checks behind it, how thorough it was, and evidence: of each order that has a name, and
    of each outcome of the interleavings.
    """

    file: ScenarioFile
    checks: Sequence[CheckResult]
    runs: Sequence[Run]
    exploration: Exploration
    counterexample: Counterexample | None = None
    timeline: Timeline | None = None
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        """FAIL if any check failed, else INCONCLUSIVE if any was, else PASS."""
        return worst([check.verdict for check in self.checks])

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.exploration.seconds

    @property
    def named(self) -> list[Run]:
        """The runs of named overlaps, and a scenario's only one."""
        return [run for run in self.runs if not run.is_explored]

    @property
    def is_explored(self) -> bool:
        """Whether schedules were run beside the named overlaps."""
        return self.file.scenario.when is not None and self.file.scenario.when.interleavings is not None

    @property
    def played(self) -> int:
        """How many runs were made in all."""
        return len(self.named) + (self.exploration.schedules if self.is_explored else 0)

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
            ended = INTERRUPTED if any(result.interrupted for result in results) else "the budget had ended"
            if time.monotonic() > deadline or ended == INTERRUPTED:
                unasked = [CheckResult(c.id, "INCONCLUSIVE", ended) for c in file.scenario.checks]
                nothing = Exploration("none", 0, exhausted=False, distinct_outcomes=0, blocked_waits=0, seconds=0.0)
                results.append(ScenarioResult(file, unasked, [], nothing))
            else:
                results.append(await opened.verify(file, deadline=deadline, report=report))
            report.finished(results[-1])
    return results


class Reporter(Protocol):
    """Whoever wants to hear of a run while it goes on."""

    def started(self, opened: Session, scenarios: int) -> None:
        """Everything is up, and no scenario has been played yet."""

    def progress(self, file: ScenarioFile, coverage: Coverage) -> None:
        """A schedule of a scenario's interleavings was run."""

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
    helped = working(postgres, replace(plan, workers=1), plan.workers) if plan.workers > 1 else contextlib.nullcontext()
    async with databases.created(postgres) as database, helped as workers:
        await database.migrate([*migration.reference_schema(), *plan.migrations])
        await database.prepare()
        seed = Seed()
        services = Services(frozenset())
        target = in_process.InProcess(plan.target, crons, database, services)
        async with contextlib.AsyncExitStack() as proxies, target.running():
            migrations = [str(file) for file in plan.migrations]
            yield Session(database, services, target, seed, migrations, workers, proxies)


@dataclass
class Session:
    """A server, a database, mocks and a target, kept warm from scenario to scenario."""

    database: Database
    services: Services
    target: Target
    seed: Seed
    migrations: Sequence[str]
    workers: Workers | None
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

    async def verify(
        self, file: ScenarioFile, *, deadline: float = math.inf, report: Reporter | None = None
    ) -> ScenarioResult:
        """Plays one scenario in every order that it asks for, and asks its checks.

        Raises:
            InvalidScenario: its rows do not fit the database.
        """
        started = time.monotonic()
        when, tally = file.scenario.when, Tally(file.scenario)
        if when is None:
            tally.add(Run(order="catalog", functions=self.database.catalog.functions))
            seconds = time.monotonic() - started
            return ScenarioResult(file, tally.results, tally.runs, tally.exploration("single", None, seconds))
        stage = await self.stage(file)
        with self.target.isolated():
            return await self._verify(file, stage, tally, started, deadline, report)

    async def _verify(
        self,
        file: ScenarioFile,
        stage: Stage,
        tally: Tally,
        started: float,
        deadline: float,
        report: Reporter | None,
    ) -> ScenarioResult:
        when = stage.when
        for name in when.overlaps:
            await self._play_all(name, stage, tally)
        several = len(when.instance_list) > 1
        if when.interleavings is None:
            seconds = time.monotonic() - started
            exploration = tally.exploration("overlaps" if several else "single", None, seconds)
            return ScenarioResult(file, tally.results, tally.runs, exploration)
        return await self._explore(file, stage, tally, str(when.interleavings), started, deadline, report)

    async def stage(self, file: ScenarioFile) -> Stage:
        """One scenario, ready to be played.

        Raises:
            InvalidScenario: its rows do not fit the database.
            EnvironmentFailed: an instance does not start.
        """
        scenario = file.scenario
        assert scenario.when is not None  # noqa: S101  (for the type checker: only scenarios that call are played)
        for instance in scenario.when.instance_list:
            if instance.name not in self._proxies:
                proxy = Proxy(instance.name, self.database.upstream, OpenGate())
                await self._open.enter_async_context(proxy.listening())
                self._proxies[instance.name] = proxy
        needed = {instance.name: self._proxies[instance.name] for instance in scenario.when.instance_list}
        await self.target.prepare(needed, scenario.given.role)
        return Stage(
            scenario=scenario,
            script=await self.database.script(
                [row.statement for row in inserts(file, self.seed, self.database.catalog)]
            ),
            tables=tables(file, self.database.catalog),
            api_keys=frozenset({in_process.API_KEY, *api_keys(file, self.seed)}),
            database=self.database,
            services=self.services,
            target=self.target,
            proxies=list(needed.values()),
        )

    async def _play_all(self, name: overlap.OverlapName, stage: Stage, tally: Tally) -> None:
        """The runs of one named overlap: one, or as many as the first instance has points."""
        match name:
            case "one-after-the-other":
                tally.add(await stage.play(name, overlap.one_after_the_other))
            case "step-by-step":
                tally.add(await stage.play(name, overlap.step_by_step))
            case "held-anywhere":
                for steps in count(1):
                    run = await stage.play(f"{name} ({steps})", overlap.held_at_step(steps))
                    if run.never_reached and steps > 1:  # the point before was the last
                        return
                    tally.add(run)
                    if run.hindrance:
                        return
            case place:
                tally.add(await stage.play(place, overlap.held_at(place)))

    async def _explore(
        self,
        file: ScenarioFile,
        stage: Stage,
        tally: Tally,
        name: str,
        started: float,
        deadline: float,
        report: Reporter | None,
    ) -> ScenarioResult:
        names = [instance.name for instance in stage.instances]
        search = explorer.strategy(name, names)
        seen: dict[str, Run] = {}

        async def execute(tasks: Sequence[Task]) -> Sequence[tuple[Follow, Glance]]:
            glances = await self._glance(file, stage, tasks)
            seen.update((glance.key, glance.run) for _, glance in glances if glance.run is not None)
            return glances

        def progress(coverage: Coverage) -> None:
            if report is not None:
                report.progress(file, coverage)

        stage.observing = name == "all"
        coverage, failing = await explorer.explore(search, name, execute, deadline=deadline, progress=progress)
        stage.observing = False
        if failing is not None and search.level is None and coverage.stopped is None:
            failing = await explorer.shorten(failing, names, execute, deadline=deadline)
        for run in list(seen.values())[:MAX_EVIDENCE_RUNS]:
            tally.add(run)
        counterexample, drawn = None, None
        if failing is not None:
            counterexample, drawn = await self._confirm(file, stage, failing, tally)
        if coverage.stopped is not None:
            tally.stopped(coverage.stopped)
        seconds = time.monotonic() - started
        exploration = tally.exploration(name, coverage, seconds)
        return ScenarioResult(
            file, tally.results, tally.runs, exploration, counterexample, drawn, coverage.stopped == INTERRUPTED
        )

    async def _glance(self, file: ScenarioFile, stage: Stage, tasks: Sequence[Task]) -> Sequence[tuple[Follow, Glance]]:
        if self.workers is None:
            return [await stage.glance(task) for task in tasks]
        return await self.workers.glance(file, tasks, observing=stage.observing)

    async def _confirm(
        self, file: ScenarioFile, stage: Stage, failing: Follow, tally: Tally
    ) -> tuple[Counterexample | None, Timeline | None]:
        """Runs the shortest failing schedule again, and once more to see at which step the check breaks."""
        run = await stage.play_again(failing)
        asked = [(check, examine(check, run)) for check in stage.checks]
        failed = [(check, finding) for check, finding in asked if finding.verdict == "FAIL"]
        # Of several that fail, what happened to a customer says most.
        found = next((pair for pair in failed if pair[0].id in WORST), failed[0] if failed else None)
        if found is None:
            tally.stopped("a schedule failed, and did not fail when it was run again")
            return None, None
        tally.add(run, first=True)
        check, finding = found
        looks: list[Run] = []
        await stage.watch(failing, looks.append)
        counterexample = Counterexample(
            scenario=str(file.source.file),
            target=self.target.name,
            migrations=list(self.migrations),
            check=check.id,
            message=finding.message,
            schedule=[{step.instance: step_name(step.point)} for step in run.steps],
        )
        return counterexample, timeline.of(check, finding.message, looks)


@dataclass
class Tally:
    """What the checks said of all runs: the first failure, else the first doubt, else what was seen in the first run."""

    scenario: Scenario
    runs: list[Run] = field(default_factory=list)
    _said: dict[int, tuple[Finding, str]] = field(default_factory=dict)
    _stopped: str | None = None

    def add(self, run: Run, *, first: bool = False) -> None:
        """Asks the checks of one more run; `first` puts it before those that were there."""
        self.runs.insert(0 if first else len(self.runs), run)
        for number, check in enumerate(self.scenario.checks):
            finding = examine(check, run)
            before = self._said.get(number)
            if (
                before is None
                or _RANK[finding.verdict] > _RANK[before[0].verdict]
                or (first and _RANK[finding.verdict] == _RANK[before[0].verdict])
            ):
                self._said[number] = finding, run.order

    def stopped(self, reason: str) -> None:
        """Not all was run that was to be: what did not fail is not known to hold."""
        self._stopped = reason

    @property
    def results(self) -> list[CheckResult]:
        """One for each check, in the order of the file."""
        results = []
        for number, check in enumerate(self.scenario.checks):
            finding, order = self._said.get(number, (Finding("INCONCLUSIVE", "nothing was run"), ""))
            if self._stopped is not None and finding.verdict == "PASS":
                finding, order = Finding("INCONCLUSIVE", self._stopped), ""
            shown = order if finding.verdict != "PASS" or len(self.runs) == 1 else None
            results.append(CheckResult(check.id, finding.verdict, finding.message, shown or None))
        return results

    def exploration(self, strategy: str, coverage: Coverage | None, seconds: float) -> Exploration:
        """How much of what could happen was played."""
        if coverage is None:
            return Exploration(
                strategy=strategy,
                schedules=len(self.runs),
                exhausted=strategy == "single",
                distinct_outcomes=len({run.outcome for run in self.runs}),
                blocked_waits=sum(len(run.waits) for run in self.runs),
                seconds=seconds,
            )
        return Exploration(
            strategy=strategy,
            schedules=coverage.schedules,
            exhausted=coverage.exhausted,
            distinct_outcomes=len(coverage.outcomes),
            blocked_waits=coverage.waits,
            seconds=seconds,
        )


_RANK: Mapping[Verdict, int] = {"PASS": 0, "INCONCLUSIVE": 1, "FAIL": 2}
