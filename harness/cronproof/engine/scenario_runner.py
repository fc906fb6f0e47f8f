"""Executes a scenario: sets up its rows and services, warms up its instances, calls them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial

from cronproof.checks.check import Check
from cronproof.domain.choice import Data
from cronproof.domain.instance import Instance
from cronproof.engine import collect, recovery
from cronproof.engine.evaluate import ExecutionSummary, evaluate
from cronproof.engine.execution import AfterStep, BeforeStep, Execution
from cronproof.engine.memo import Memo
from cronproof.engine.rig import Rig
from cronproof.engine.warmup import find_cold, warm_up
from cronproof.evidence.evidence import Evidence
from cronproof.explore.executor import ExecutionSpec
from cronproof.explore.explorer import policy_for
from cronproof.explore.policy import Policy, SchedulePolicy
from cronproof.explore.quiescence import NotAtRest
from cronproof.explore.schedule import ExecutedSchedule, Schedule, WorkItem, abbreviate
from cronproof.postgres.reset import Script
from cronproof.scenario.scenario import Scenario
from cronproof.scenario.when import When

ATTEMPTS = 3


@dataclass(frozen=True)
class Setting:
    """What an execution starts from: the database script, the keys that services accept, and the
    owners of each credential.
    """

    script: Script
    api_keys: frozenset[str]
    credentials: Mapping[str, frozenset[str]]


@dataclass
class ScenarioRunner:
    """Executes one scenario.

    play(order, policy)   one execution with all its evidence and findings
    summarize(item)       one of many: its evidence is collected only for a new outcome
    """

    scenario: Scenario
    setting: Callable[[Data], Awaitable[Setting]]
    """Makes what an execution starts from, given which values were drawn."""
    tables: Sequence[str]
    """The tables whose rows are evidence."""
    rig: Rig
    _memo: Memo = field(default_factory=Memo)
    _settings: dict[Data, Setting] = field(default_factory=dict)
    _hung: str | None = None
    """Why nothing can be executed, if so: the first call did not end."""
    _held: str | None = None
    """What a session still holds of an earlier call, so that the execution depends on it."""

    @property
    def when(self) -> When:
        """The part of the scenario that says what to call."""
        assert self.scenario.when is not None  # noqa: S101  (for the type checker: only scenarios that call are executed)
        return self.scenario.when

    @property
    def instances(self) -> list[Instance]:
        """The instances, in order."""
        return self.when.instance_list

    @cached_property
    def checks(self) -> list[Check]:
        """The checks, in the order of the file."""
        return self.scenario.checks

    @cached_property
    def spec(self) -> ExecutionSpec:
        """The settings of every execution."""
        return ExecutionSpec(
            faults=self.when.faults_to_inject,
            period=self.when.period,
            is_sequential=self.when.strategy == "faults",
        )

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
        before = await self.rig.database.rows(self.tables)
        execution = await self.execute(make_policy(), spec, before_step=before_step)
        if self._learned_of_channels(execution):
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
        if evidence.inconclusive_reason is None and any(check.needs_recovery for check in self.checks):
            evidence = await self._recovered(evidence, execution.elapsed)
        return evaluate(self.checks, evidence), execution

    async def _recovered(self, evidence: Evidence, elapsed: timedelta) -> Evidence:
        rig, rows = self.rig, evidence.after
        try:
            recovered = await recovery.recover(
                rig,
                self.instances,
                rows,
                period=self.when.period,
                elapsed=elapsed,
                counts_attempts=any(check.counts_attempts for check in self.checks),
            )
        except TimeoutError:
            await rig.terminate()
            reason = f"a cron that ran again had not ended after {recovery.CALL_SECONDS:g} s"
            return replace(evidence, inconclusive_reason=reason)
        unsettled = f"rows or messages still changed after {recovery.MAX_ROUNDS} more runs"
        return replace(
            evidence,
            sent=collect.collect_sent(rig, self.instances, recovered.rounds),
            recovered=recovered.rows,
            still_tried=recovered.still_tried,
            inconclusive_reason=rig.take_stray(),
            did_not_settle=None if recovered.rows else unsettled,
        )

    async def summarize(self, item: WorkItem, attempts: int = ATTEMPTS) -> tuple[ExecutedSchedule, ExecutionSummary]:
        """Makes one execution of an exploration.

        Evidence is collected only for new outcomes: the schedule is executed again, and must have
        the same outcome. With the fault strategy, each execution counts as new.
        """
        if self.when.strategy == "faults":
            return await self._collect_at_once(item)
        policy = policy_for(item)
        await self.reset(item.data)
        execution = await self.execute(policy, replace(self.spec, known=item.known, observes=item.observes))
        if self._learned_of_channels(execution):
            return await self.summarize(item)
        executed = policy.executed(item, execution.trace)
        strange = self._memo.find_nondeterminism(execution.trace, item.data) if self.rig.target.is_external else None
        if strange is not None and attempts > 1:  # a cache may have expired once: try again
            return await self.summarize(item, attempts - 1)
        if reason := execution.inconclusive_reason or strange:
            return executed, ExecutionSummary.without_evidence(reason)
        key = collect.find_key(self.rig, execution, await self.rig.database.digest(), item.data)
        if key not in self._memo.summaries:
            summary = await self._collect_again(executed, key)
            self._memo.summaries[key] = replace(summary, evidence=None)
            return executed, summary
        return executed, self._memo.summaries[key]

    async def _collect_at_once(self, item: WorkItem) -> tuple[ExecutedSchedule, ExecutionSummary]:
        order = abbreviate(item.schedule) or "no fault"
        evidence, execution = await self._play(order, partial(policy_for, item), item.data, self.spec)
        evidence = replace(evidence, is_explored=True)
        summary = ExecutionSummary.from_evidence(evidence, evidence.key)
        return ExecutedSchedule(item, execution.trace.decisions), summary

    async def _collect_again(self, executed: ExecutedSchedule, key: str) -> ExecutionSummary:
        evidence = await self.play_again(executed)
        if evidence.inconclusive_reason is None and evidence.key != key:
            reason = "the same schedule came to two outcomes: instances depend on more than their order"
            evidence = replace(evidence, inconclusive_reason=reason)
        return ExecutionSummary.from_evidence(evidence, key)

    async def play_again(self, executed: ExecutedSchedule) -> Evidence:
        """Executes a schedule once more, with all its evidence."""
        spec = replace(self.spec, known=executed.footprints)
        order = abbreviate(executed.schedule)
        evidence = await self.play(order, partial(SchedulePolicy, executed.schedule), executed.data, spec)
        return replace(evidence, is_explored=True)

    async def watch(self, schedule: Schedule, data: Data, *, rows: bool) -> list[Evidence]:
        """Executes a schedule again. Returns the evidence after each step. Checks need `rows`."""
        tables, seen = self.tables if rows else (), list[Evidence]()
        await self.reset(data)
        before = await self.rig.database.rows(tables)
        role = self.scenario.given.role

        async def after_step(execution: Execution) -> None:
            evidence = await collect.collect(
                self.rig, execution, order="", role=role, before=before, data=data, tables=tables
            )
            seen.append(evidence)

        await self.execute(SchedulePolicy(schedule), self.spec, after_step=after_step)
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
        execution = Execution(self.rig, self.when, spec, before_step=before_step, after_step=after_step)
        execution.inconclusive_reason = self._hung or self._held
        if execution.inconclusive_reason is None:
            await execution.run(policy)
        return execution

    def _learned_of_channels(self, execution: Execution) -> bool:
        """Whether this execution is void: it revealed that instances do several things at once."""
        can_tell = self.rig.target.is_idle is not None
        learned = execution.trace.was_concurrent and can_tell and not self.rig.has_channels
        self.rig.has_channels |= learned
        return learned

    async def reset(self, data: Data = ()) -> None:
        """Resets rows, services and proxies, and makes sure that the instances run and are warm.

        Raises:
            EnvironmentFailed: an instance does not start.
        """
        await self.rig.target.reset(restart=self.when.restart)
        self._held = None
        cold = find_cold(self.rig, self.instances, self.scenario.given.role)
        if cold:
            for proxy in self.rig.proxies:
                proxy.accept_sessions()
        # Instances that restart for every execution are always cold, so they need no warm-up.
        for instance, calls in {}.items() if self._restarts else cold.items():
            for _ in range(calls):
                await self._set_up(data)
                try:
                    if await warm_up(self.rig, instance, self.when.method):
                        break
                except NotAtRest as error:
                    self._hung = f"{error}, when it was called for the first time"
        await self._set_up(data)
        if cold:  # what a process does at its start does not matter
            self.rig.stray.clear()

    @property
    def _restarts(self) -> bool:
        """Whether every execution starts new processes."""
        return self.when.restart or self.rig.target.restarts

    async def _set_up(self, data: Data) -> None:
        given = self.scenario.given
        if not self._restarts:  # else no call was made before; a lock would block the reset
            self._held = await self.rig.end_what_is_held() or self._held
        if data not in self._settings:
            self._settings[data] = await self.setting(data)
        setting = self._settings[data]
        await self.rig.database.reset(setting.script)
        self.rig.services.api_keys = setting.api_keys
        self.rig.services.credentials = setting.credentials
        self.rig.target.set_clock(given.clock)
        self.rig.services.reset(given)
        for proxy in self.rig.proxies:
            proxy.forget()
