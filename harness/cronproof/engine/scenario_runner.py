"""Executes a scenario: calls its instances, judges what they did, and looks again where that could be wrong."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from cronproof.checks.check import Check, Query
from cronproof.domain.choice import Data
from cronproof.domain.database import Rows
from cronproof.domain.instance import Instance
from cronproof.engine import collect
from cronproof.engine.evaluate import ExecutionSummary, evaluate
from cronproof.engine.execution import AfterStep, BeforeStep, Execution
from cronproof.engine.judge import judge
from cronproof.engine.memo import Memo
from cronproof.engine.preparation import Preparation
from cronproof.engine.rig import Rig
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.variation import Difference, find_differences
from cronproof.explore.circumstances import Circumstances
from cronproof.explore.counterexample import CounterexamplePolicy
from cronproof.explore.execution_spec import ExecutionSpec
from cronproof.explore.explorer import policy_for
from cronproof.explore.policy import Policy, SchedulePolicy
from cronproof.explore.schedule import ExecutedSchedule, WorkItem, abbreviate
from cronproof.gate.fault import SIGTERM, SLOWNESS, Faults
from cronproof.gate.names import step_name
from cronproof.gate.trace import Step
from cronproof.scenario.scenario import Scenario
from cronproof.scenario.when import When

ATTEMPTS = 3
TIMER_SECONDS = 30.0
"""How long a slow call is really slow before its instance is believed to have no timer: leases are
usually renewed every few seconds."""
REMEMBERS = (
    "it fails only in a process that has run before, which remembers something that the reset of the rows does not undo; "
    "set `restart: true`, or remove that state"
)


SlowStep = tuple[str, str]
"""A kind of step at which a call was slow: the cron, and the name of the step."""


@dataclass
class ScenarioRunner:
    """Executes one scenario.

    play(order, policy)   one execution with all its evidence and findings
    summarize(item)       one of many: its evidence is collected only for a new outcome
    """

    preparation: Preparation
    tables: Sequence[str]
    """The tables whose rows are evidence."""
    rig: Rig
    _memo: Memo = field(default_factory=Memo)
    _is_fresh: bool = False
    """Whether the next execution is to be one of new processes."""
    _fails_in_new: set[int] = field(default_factory=set)
    """The checks, by number, that have failed in new processes: they need not be tried there again."""
    _acted_by_timer: dict[SlowStep, str | None] = field(default_factory=dict)
    """What an instance does by a timer while it is slow there, once somebody has looked."""
    _interruptions: int = 0
    """How often somebody else has ended an instance."""

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.preparation.scenario

    @property
    def when(self) -> When:
        """The part of the scenario that says what to call."""
        return self.preparation.when

    @property
    def instances(self) -> list[Instance]:
        """The instances, in order."""
        return self.when.instance_list

    @cached_property
    def checks(self) -> list[Check]:
        """The checks, in the order of the file."""
        return self.scenario.checks

    @cached_property
    def queries(self) -> list[Query]:
        """The queries of the checks, each once."""
        return list(dict.fromkeys(query for check in self.checks for query in check.queries))

    @cached_property
    def invariants(self) -> list[str]:
        """The queries that must find no row after any commit, each once."""
        return list(dict.fromkeys(query for check in self.checks for query in check.invariants))

    @cached_property
    def spec(self) -> ExecutionSpec:
        """The settings of every execution."""
        return ExecutionSpec(
            faults=self.when.faults_to_inject if self.rig.target.takes_signals else self._faults_without_signals,
            period=self.when.period,
            is_sequential=self.when.strategy == "faults",
        )

    @property
    def _faults_without_signals(self) -> Faults | None:
        faults = self.when.faults_to_inject
        return None if faults is None else replace(faults, without=frozenset({SIGTERM}))

    def spec_of(self, item: WorkItem) -> ExecutionSpec:
        """Returns the settings of the executions of an item."""
        return replace(self.spec, apart=item.apart)

    async def play(
        self,
        order: str,
        make_policy: Callable[[], Policy],
        data: Data = (),
        spec: ExecutionSpec | None = None,
        before_step: BeforeStep | None = None,
    ) -> Evidence:
        """Executes on fresh rows, with a recovery if checks need it, and evaluates the checks."""
        evidence, _ = await self._play(order, make_policy, data, spec or self.spec, before_step)
        return evidence

    async def _play(
        self,
        order: str,
        make_policy: Callable[[], Policy],
        data: Data,
        spec: ExecutionSpec,
        before_step: BeforeStep | None = None,
    ) -> tuple[Evidence, Execution]:
        await self.reset(data)
        before = await collect.look(self.rig, self.tables, self.queries)
        execution = await self.execute(make_policy(), spec, before_step=before_step)
        if self._learned_of_channels(execution) or self._may_repeat(execution.interrupted):
            return await self._play(order, make_policy, data, spec, before_step)
        evidence = await collect.collect(
            self.rig,
            execution,
            order=order,
            role=self.scenario.given.role,
            before=before,
            data=data,
            tables=self.tables,
        )
        judged = await judge(self.rig, self.when, self.checks, evidence, execution.elapsed)
        if interrupted := self.rig.target.find_interrupted():
            if self._may_repeat(interrupted):
                return await self._play(order, make_policy, data, spec, before_step)
            return evaluate(self.checks, replace(judged, inconclusive_reason=interrupted)), execution
        if self._may_remember and not _find_failed(judged) <= self._fails_in_new:
            judged = await self._judge_in_new_processes(judged, spec, data)
        if self.rig.target.is_external and _find_failed(judged) and any(s.fault in SLOWNESS for s in judged.steps):
            judged = await self._judge_with_timers(judged, spec, data)
        return judged, execution

    @property
    def _may_remember(self) -> bool:
        """Whether the instances are processes that have run before, and could be new ones."""
        return self.rig.target.is_external and self.rig.target.can_die and not self._restarts

    async def _judge_in_new_processes(self, judged: Evidence, spec: ExecutionSpec, data: Data) -> Evidence:
        """Executes the same steps in new processes. What fails only in one that ran before is no
        finding about the cron: the rows were reset, and the memory of the process was not.
        """
        policies: list[CounterexamplePolicy] = []

        def make_policy() -> CounterexamplePolicy:
            policies.append(_same_steps(judged))
            return policies[-1]

        self._is_fresh = True
        try:
            again, _ = await self._play(judged.order, make_policy, data, replace(spec, known=()))
        finally:
            self._is_fresh = False
        self._fails_in_new |= _find_failed(again)
        passes = all(
            new.verdict == "PASS"
            for old, new in zip(judged.findings, again.findings, strict=True)
            if old.verdict == "FAIL"
        )
        if not passes or policies[-1].position < len(judged.steps):
            return judged
        failed = next(
            f"{check.id}: {one.message}"
            for check, one in zip(self.checks, judged.findings, strict=True)
            if one.verdict == "FAIL"
        )
        return evaluate(self.checks, replace(judged, inconclusive_reason=f"{REMEMBERS} ({failed})"))

    async def _judge_with_timers(self, judged: Evidence, spec: ExecutionSpec, data: Data) -> Evidence:
        """Executes the same steps, and lets a slow call be slow: an instance that does something by a
        timer meanwhile could have renewed what expired when time passed at once.
        """
        slow = self._find_slow(judged.steps)
        if not slow <= self._acted_by_timer.keys():
            patient = replace(spec, known=(), listen_seconds=TIMER_SECONDS)
            await self.reset(data)
            execution = await self.execute(_same_steps(judged), patient)
            if execution.interrupted is not None or not slow <= self._find_slow(execution.trace.steps):
                return judged  # it did not come so far: the next failure is looked at
            self._acted_by_timer |= dict.fromkeys(slow - self._acted_by_timer.keys(), execution.acted_by_timer)
        reason = next(filter(None, map(self._acted_by_timer.get, sorted(slow))), None)
        return judged if reason is None else evaluate(self.checks, replace(judged, inconclusive_reason=reason))

    def _find_slow(self, steps: Sequence[Step]) -> set[SlowStep]:
        crons = {instance.name: instance.cron for instance in self.instances}
        return {(crons[step.instance], step_name(step.point)) for step in steps if step.fault in SLOWNESS}

    async def summarize(self, item: WorkItem, attempts: int = ATTEMPTS) -> tuple[ExecutedSchedule, ExecutionSummary]:
        """Makes one execution of an exploration.

        Evidence is collected only for new outcomes: the schedule is executed again, and must have
        the same outcome. With the fault strategy, each execution counts as new.
        """
        if self.when.strategy == "faults":
            return await self._collect_at_once(item)
        policy = policy_for(item)
        await self.reset(item.data)
        execution = await self.execute(policy, replace(self.spec_of(item), known=item.known, observes=item.observes))
        if self._learned_of_channels(execution) or self._may_repeat(execution.interrupted):
            return await self.summarize(item)
        executed = policy.executed(item, execution.trace)
        strange = None
        if self.rig.target.is_external:
            strange = self._memo.find_nondeterminism(execution.trace, item.data, item.apart)
        if strange is not None and attempts > 1:  # a cache may have expired once: try again
            return await self.summarize(item, attempts - 1)
        if reason := execution.inconclusive_reason or strange:
            return executed, ExecutionSummary.without_evidence(reason)
        answers = await collect.ask(self.rig, self.queries)
        key = collect.find_key(self.rig, execution, await self.rig.database.digest(), answers, item.data)
        if key in self._memo.summaries:
            return executed, self._memo.summaries[key]
        return await self._collect_outcome(executed, execution, key, attempts)

    async def _collect_outcome(
        self, executed: ExecutedSchedule, execution: Execution, key: str, attempts: int
    ) -> tuple[ExecutedSchedule, ExecutionSummary]:
        """Collects the evidence of a new outcome: executes its schedule again."""
        evidence, again = await self._play_again(executed)
        if evidence.inconclusive_reason is None and evidence.key != key:
            difference = await self._find_difference(executed, execution, again)
            if difference is None and attempts > 1:  # the values that vary are known now
                return await self.summarize(executed.item, attempts - 1)
            what = difference or "other values each time"
            reason = f"the same schedule came to two outcomes, so instances depend on more than their order: {what}"
            evidence = replace(evidence, inconclusive_reason=reason)
        summary = ExecutionSummary.from_evidence(evidence, key)
        self._memo.summaries[key] = replace(summary, evidence=None)
        return executed, summary

    async def _find_difference(
        self, executed: ExecutedSchedule, first: Execution, again: Execution
    ) -> Difference | None:
        """Returns what differs between two executions of one schedule. If it is nothing but values
        that may vary, notes where they are, and returns None.
        """
        found = list(find_differences(first.outcome, again.outcome))
        if any(one.path == ("rows",) for one in found):  # the outcomes have only a digest of them
            one, other = await self._rows_after(executed), await self._rows_after(executed)
            of_rows = list(find_differences({"rows": one}, {"rows": other}))
            found = [*of_rows, *(one for one in found if one.path != ("rows",) or not of_rows)]
        certain = next((one for one in found if not one.may_vary), None)
        if certain is None:
            self.rig.ignore({one.path for one in found})
        return certain

    async def _rows_after(self, executed: ExecutedSchedule) -> Rows:
        """Executes a schedule again, and returns the rows of every table."""
        await self.reset(executed.data)
        execution = await self.execute(SchedulePolicy(executed.schedule), self.spec_of(executed.item))
        if execution.inconclusive_reason is not None:
            return {}
        database = self.rig.database
        return database.comparable(await database.rows(list(database.catalog.columns)))

    async def _collect_at_once(self, item: WorkItem) -> tuple[ExecutedSchedule, ExecutionSummary]:
        order = abbreviate(item.schedule) or "no fault"
        evidence, execution = await self._play(order, partial(policy_for, item), item.data, self.spec)
        evidence = replace(evidence, is_explored=True)
        summary = ExecutionSummary.from_evidence(evidence, evidence.key)
        return ExecutedSchedule(item, execution.trace.decisions), summary

    async def play_again(self, executed: ExecutedSchedule) -> Evidence:
        """Executes a schedule once more, with all its evidence."""
        evidence, _ = await self._play_again(executed)
        return evidence

    async def _play_again(self, executed: ExecutedSchedule) -> tuple[Evidence, Execution]:
        spec = replace(self.spec_of(executed.item), known=executed.footprints)
        order = abbreviate(executed.schedule)
        make_policy = partial(SchedulePolicy, executed.schedule)
        evidence, execution = await self._play(order, make_policy, executed.data, spec)
        return replace(evidence, is_explored=True), execution

    @contextlib.asynccontextmanager
    async def under(self, circumstances: Circumstances, data: Data = ()) -> AsyncIterator[ExecutionSpec]:
        """Yields the settings of executions under these circumstances, which last as long as the block."""
        spec = replace(self.spec, releases=circumstances.rows_locked, apart=circumstances.inside)
        if circumstances.query_plan is None:
            yield spec
            return
        await self.preparation.find_setting(data)  # it analyzes the tables, which would undo a plan without statistics
        async with self.rig.planned(circumstances.query_plan, self.tables):
            yield spec

    async def watch(
        self, policy: Policy, data: Data, *, rows: bool, spec: ExecutionSpec | None = None
    ) -> list[Evidence]:
        """Executes once more. Returns the evidence after each step. Checks need `rows`."""
        tables, seen = self.tables if rows else (), list[Evidence]()
        await self.reset(data)
        before = await collect.look(self.rig, tables, self.queries if rows else ())
        role = self.scenario.given.role

        async def after_step(execution: Execution) -> None:
            evidence = await collect.collect(
                self.rig, execution, order="", role=role, before=before, data=data, tables=tables
            )
            seen.append(evidence)

        await self.execute(policy, spec or self.spec, after_step=after_step)
        return seen

    async def execute(
        self,
        policy: Policy,
        spec: ExecutionSpec,
        *,
        before_step: BeforeStep | None = None,
        after_step: AfterStep | None = None,
    ) -> Execution:
        """Calls the instances on the current rows, and lets the policy decide."""
        execution = Execution(
            self.rig, self.when, spec, invariants=self.invariants, before_step=before_step, after_step=after_step
        )
        execution.inconclusive_reason = self.preparation.fault
        if spec.apart:
            await self.rig.database.inside.install()
        if execution.inconclusive_reason is None:
            await self.rig.target.begin(self.instances)
            await execution.run(policy)
        return execution

    def _learned_of_channels(self, execution: Execution) -> bool:
        """Whether this execution is void: it revealed that instances do several things at once."""
        can_tell = self.rig.target.is_idle is not None
        learned = execution.trace.was_concurrent and can_tell and not self.rig.has_channels
        self.rig.has_channels |= learned
        return learned

    def _may_repeat(self, interrupted: str | None) -> bool:
        """Whether an execution is repeated because somebody else has ended an instance. Not for ever."""
        if interrupted is None:
            return False
        self._interruptions += 1
        return self._interruptions < ATTEMPTS

    async def reset(self, data: Data = ()) -> None:
        """Resets rows, services and proxies, and makes sure that the instances run and are warm.

        Raises:
            EnvironmentFailed: an instance does not start.
        """
        await self.preparation.reset(data, restart=self._restarts)

    @property
    def _restarts(self) -> bool:
        """Whether the execution starts new processes."""
        return self.when.restart or self.rig.target.restarts or self._is_fresh


def _same_steps(evidence: Evidence) -> CounterexamplePolicy:
    """Makes a policy that takes the same steps again."""
    return CounterexamplePolicy([(step.name, step_name(step.point)) for step in evidence.steps])


def _find_failed(evidence: Evidence) -> set[int]:
    """Returns the numbers of the checks that have failed."""
    return {number for number, finding in enumerate(evidence.findings) if finding.verdict == "FAIL"}
