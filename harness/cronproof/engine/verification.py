"""The main path: turns a scenario file into a verdict. Read this first.

A scenario is executed in its named orders, then in the schedules of its strategy, each time on
fresh rows. Its checks examine the evidence of each execution. The worst finding is the verdict.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations, count, product

from cronproof.domain.instance import Instance
from cronproof.engine.evaluate import ExecutionSummary, FindingCollector, evaluate
from cronproof.engine.exhibits import ExhibitFinder, Exhibits
from cronproof.engine.journal import open_journal
from cronproof.engine.results import Exploration, ScenarioResult
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.engine.session import Session
from cronproof.engine.workers import Workers
from cronproof.evidence.evidence import Evidence
from cronproof.explore import explorer
from cronproof.explore.circumstances import USUAL, Circumstances, Direction
from cronproof.explore.explorer import INTERRUPTED, Coverage, Progress
from cronproof.explore.named_orders import ONE_BY_ONE, ROWS_LOCKED, HeldAtStep, OrderName, RunToEnd, make_named_policy
from cronproof.explore.pct import PctItem, PctStrategy, shrink
from cronproof.explore.policy import Policy
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.explore.strategy import Strategy
from cronproof.gate.fault import DIES, SIGTERM
from cronproof.gate.gate import SOMEBODY_ELSE
from cronproof.scenario.choices import find_choices
from cronproof.scenario.reader import ScenarioFile

MAX_EVIDENCE = 50


async def verify_scenario(
    session: Session,
    file: ScenarioFile,
    *,
    deadline: float = math.inf,
    progress: Callable[[ScenarioFile, Coverage], None] | None = None,
    workers: Workers | None = None,
) -> ScenarioResult:
    """Verifies one scenario. `workers`, if there are any, share the executions of its exploration.

    Raises:
        InvalidScenario: its rows do not fit the database.
        UsageError: the plan continues a different exploration.
    """
    started = time.monotonic()
    collector = FindingCollector(file.scenario)
    if file.scenario.when is None:  # its checks examine the database alone
        catalog = Evidence(order="catalog", functions=session.database.catalog.functions)
        collector.add(evaluate(file.scenario.checks, catalog))
        exploration = Exploration.of_named_orders("single", collector.evidence, time.monotonic() - started)
        return ScenarioResult(file, collector.results(), collector.evidence, exploration)
    runner = await session.prepare(file)
    session.target.listen()
    verification = Verification(session, file, runner, collector, workers, deadline, started)
    verification.progress = (lambda coverage: progress(file, coverage)) if progress else (lambda _: None)
    with session.target.isolated():
        result = await verification.run()
    return result if result.verdict == "PASS" else replace(result, output=session.target.output())


@dataclass
class Verification:
    """Verifies one scenario from beginning to end."""

    session: Session
    file: ScenarioFile
    runner: ScenarioRunner
    collector: FindingCollector
    workers: Workers | None
    deadline: float
    started: float
    progress: Progress = field(default=lambda _: None)
    _evidence: dict[str, Evidence] = field(default_factory=dict)
    """The first evidence of each outcome of the exploration."""
    _failed: tuple[Evidence, Circumstances] | None = None
    """The first named order that failed."""

    async def run(self) -> ScenarioResult:
        """Executes the named orders, then the exploration. Shows a named order that failed if the
        exploration shows nothing shorter.
        """
        result = await self._run()
        is_shown = result.counterexample is not None or result.interrupted or self.session.plan.seeks_failures
        if self._failed is None or is_shown or time.monotonic() > self.deadline:
            return result
        try:
            counterexample, timeline = await self._exhibit_finder.find_of_named_order(*self._failed)
        except asyncio.CancelledError:  # Ctrl-C: what was found is still reported
            return replace(result, interrupted=True)
        return replace(
            result,
            checks=self.collector.results(),
            counterexample=counterexample,
            timeline=timeline or result.timeline,
        )

    async def _run(self) -> ScenarioResult:
        when, target = self.runner.when, self.runner.rig.target
        if not target.set_clock(self.file.scenario.given.clock):
            self.collector.stop(f"the clock of {target.name} cannot be set: only that of crons in this process can")
            return self._result(
                Exploration("none", 0, exhausted=False, distinct_outcomes=0, blocked_waits=0, seconds=0.0)
            )
        for name in when.orders:
            if not self._is_enough:
                await self._play_named(name)
        if when.orders and any(check.depends_on_query_plan for check in self.runner.checks):
            await self._play_query_plans()
        faults = when.faults_to_inject
        if faults is not None and DIES in faults and not target.can_die:
            self.collector.stop(f"{target.name} is not a process that can be killed: leave `dies` out of `faults`")
        elif SIGTERM in when.faults and not target.takes_signals:
            self.collector.stop(f"{target.name} is no command, which a scheduler ends: leave `sigterm` out of `faults`")
        elif when.strategy is not None and not self._is_enough:
            return await self._explore(when.strategy)
        strategy = "orders" if len(when.instance_list) > 1 else "single"
        return self._result(Exploration.of_named_orders(strategy, self.collector.evidence, self._seconds))

    async def _play_named(self, name: OrderName) -> None:
        """Executes one named order: `held-anywhere` once per point of A, `rows-locked` in each order
        in which several that wait can go on, any other once.
        """
        if name == ROWS_LOCKED:
            await self._play_locked()
            return
        if name != "held-anywhere":
            self._add(await self.runner.play(name, partial(make_named_policy, name)))
            return
        for steps in count(1):
            evidence = await self.runner.play(f"{name} ({steps})", partial(HeldAtStep, steps))
            if evidence.never_reached and steps > 1:  # the point before was the last
                return
            self._add(evidence)
            if evidence.inconclusive_reason:
                return

    async def _play_locked(self) -> None:
        directions: Sequence[Direction] = ("forward", "backward")
        for number, (calls, releases) in enumerate(product(directions, directions), 1):
            order = ROWS_LOCKED if number == 1 else f"{ROWS_LOCKED} ({number})"
            policy, circumstances = partial(RunToEnd, calls == "backward"), Circumstances(rows_locked=releases)
            evidence = await self._play_under(circumstances, order, policy)
            waiting = {wait.instance for wait in evidence.waits if SOMEBODY_ELSE in wait.blockers}
            if len(waiting) <= 1 or self._is_enough:
                return

    async def _play_query_plans(self) -> None:
        """Executes the instances one after the other, with each other plan of their statements."""
        for plan in self.session.database.query_plans:
            if not self._is_enough:
                await self._play_under(Circumstances(query_plan=plan), f"{ONE_BY_ONE} (plan: {plan})", RunToEnd)

    async def _play_under(
        self, circumstances: Circumstances, order: str, make_policy: Callable[[], Policy]
    ) -> Evidence:
        async with self.runner.under(circumstances) as spec:
            evidence = await self.runner.play(order, make_policy, spec=spec)
        self._add(evidence, circumstances)
        return evidence

    def _add(self, evidence: Evidence, circumstances: Circumstances = USUAL) -> None:
        """Adds the evidence of a named order, and remembers the first one that fails."""
        self.collector.add(evidence)
        if self._failed is None and any(finding.verdict == "FAIL" for finding in evidence.findings):
            self._failed = evidence, circumstances

    async def _explore(self, name: str) -> ScenarioResult:
        """Executes every schedule of the strategy, and shortens a failing one."""
        instances = [instance.name for instance in self.runner.instances]
        values = [len(choice.values) for choice in find_choices(self.file.scenario)]
        when = self.runner.when
        inside = when.inside if when.faults_to_inject is None else "none"
        strategy = explorer.make_strategy(
            name,
            instances,
            seed=self.session.plan.seed,
            choices=values,
            inside=inside,
            pairs=_find_pairs(self.runner.instances),
            puts_off_whole=self.file.pair is not None,  # any other race that passes is drawn in whole statements
        )
        journal = open_journal(self.session.plan, self.file, self.session.database)
        execute = self._execute if journal is None else journal.keeping(self._execute)
        is_over = False
        try:
            coverage, failing = await explorer.explore(
                strategy, name, execute, deadline=self.deadline, progress=self.progress
            )
            is_over = coverage.stopped is None
        finally:
            if journal is not None:
                journal.close(is_over=is_over)
        if failing is not None and coverage.stopped is None and not self.session.plan.seeks_failures:
            failing = await self._shorten(strategy, coverage, failing, instances)
        # The truth table shows every fault, and a pair is compared across all its orders.
        self.collector.met.add_exploration(coverage)
        needs_all = self.runner.when.faults_to_inject is not None or self.file.pair is not None
        for evidence in list(self._evidence.values())[: None if needs_all else MAX_EVIDENCE]:
            self.collector.add(evidence)
        exhibits = Exhibits()
        if not self.session.plan.seeks_failures:
            exhibits = await self._exhibit_finder.find(strategy, coverage, failing)
        if coverage.stopped is not None:
            self.collector.stop(coverage.stopped)
        exploration = Exploration.from_coverage(name, coverage, self._seconds)
        return replace(self._result(exploration), **vars(exhibits), interrupted=coverage.stopped == INTERRUPTED)

    @property
    def _exhibit_finder(self) -> ExhibitFinder:
        return ExhibitFinder(
            self.session.plan, self.file, self.runner, self.collector, self._evidence, self._execute, self.deadline
        )

    async def _shorten(
        self, strategy: Strategy, coverage: Coverage, failing: ExecutedSchedule, instances: Sequence[str]
    ) -> ExecutedSchedule:
        """Finds the shortest failing schedule, unless the strategy does so itself."""
        if strategy.level is not None or strategy.explores_all_failures:
            return failing
        try:
            if isinstance(failing.item, PctItem) and isinstance(strategy, PctStrategy):
                failing = await self._shrink(strategy, failing, failing.item)
            return await explorer.shorten(failing, instances, self._execute, deadline=self.deadline)
        except asyncio.CancelledError:  # Ctrl-C: keep the one that was found first
            coverage.stopped = INTERRUPTED
            return failing

    async def _shrink(self, strategy: PctStrategy, failing: ExecutedSchedule, first: PctItem) -> ExecutedSchedule:
        """Finds a failing execution with simpler data and schedule."""
        found = {first: failing}

        async def fails(item: PctItem) -> bool:
            if time.monotonic() > self.deadline:
                return False
            ((executed, summary),) = await self._execute([item])
            if summary.failed:
                found[item] = executed
            return item in found

        return found[await shrink(strategy, first, fails)]

    async def _execute(self, items: Sequence[WorkItem]) -> Sequence[tuple[ExecutedSchedule, ExecutionSummary]]:
        """Executes a batch, and keeps the evidence of each new outcome."""
        if self.workers is None:
            executed: Sequence[tuple[ExecutedSchedule, ExecutionSummary]]
            executed = [await self.runner.summarize(item) for item in items]
        else:
            executed = await self.workers.summarize(self.file, items)
        for _, summary in executed:  # keep the first of each outcome, whichever worker executed it
            if summary.evidence is not None:
                self._evidence.setdefault(summary.key, summary.evidence)
        return executed

    def _result(self, exploration: Exploration) -> ScenarioResult:
        return ScenarioResult(self.file, self.collector.results(), self.collector.evidence, exploration)

    @property
    def _is_enough(self) -> bool:
        """Whether a failure was found and nothing more is wanted."""
        return self.session.plan.seeks_failures and self.collector.has_failed

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.started


def _find_pairs(instances: Sequence[Instance]) -> list[tuple[str, str]]:
    """Returns two instances of each pair of crons: others of the same crons do nothing else."""
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for one, other in combinations(instances, 2):
        pairs.setdefault(frozenset((one.cron, other.cron)), (one.name, other.name))
    return list(pairs.values())
