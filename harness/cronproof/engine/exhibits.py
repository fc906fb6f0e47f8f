"""Finds the schedules to show: the counterexample, a passing schedule, and known limits."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from cronproof.checks.check import Check
from cronproof.domain.choice import Data
from cronproof.engine.evaluate import ExecutionSummary, FindingCollector
from cronproof.engine.journal import Execute
from cronproof.engine.plan import Plan
from cronproof.engine.results import ShownLimit
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.engine.timeline import Timeline, find_broken_step, make_timeline
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding
from cronproof.explore import explorer
from cronproof.explore.circumstances import USUAL, Circumstances
from cronproof.explore.counterexample import Counterexample, CounterexamplePolicy
from cronproof.explore.dpor import DporStrategy
from cronproof.explore.execution_spec import ExecutionSpec
from cronproof.explore.exhaustive import PreemptionBoundedStrategy
from cronproof.explore.explorer import INTERRUPTED, Coverage
from cronproof.explore.inside import TakingApart
from cronproof.explore.policy import SchedulePolicy
from cronproof.explore.schedule import ExecutedSchedule, Schedule, WorkItem, count_switches
from cronproof.explore.strategy import Strategy
from cronproof.gate.fault import is_fault
from cronproof.gate.names import step_name
from cronproof.paths import display_path
from cronproof.scenario.choices import name_choice
from cronproof.scenario.reader import ScenarioFile

MAX_NEAREST_EXECUTIONS = 100
MAX_NEAREST_SECONDS = 10.0
"""How much to try in order to find a schedule that passes."""
WORST = ("no-duplicate", "no-loss", "delivery", "holds")


@dataclass
class Exhibits:
    """The schedules to show of an exploration. The names are those of `ScenarioResult`."""

    counterexample: Counterexample | None = None
    timeline: Timeline | None = None
    passing: Timeline | None = None
    known: Sequence[ShownLimit] = field(default_factory=list)


@dataclass
class ExhibitFinder:
    """Executes schedules of an exploration again to see what happens in them."""

    plan: Plan
    file: ScenarioFile
    runner: ScenarioRunner
    collector: FindingCollector
    evidence: Mapping[str, Evidence]
    execute: Execute
    deadline: float

    async def find(self, strategy: Strategy, coverage: Coverage, failing: ExecutedSchedule | None) -> Exhibits:
        """Finds all exhibits. A counterexample is executed once more before it is reported."""
        exhibits = Exhibits(known=await self._limits(strategy, coverage))
        if failing is not None:
            exhibits.counterexample, exhibits.timeline = await self._confirm(failing)
        if coverage.stopped is not None:
            return exhibits
        is_race = (
            isinstance(strategy, DporStrategy | PreemptionBoundedStrategy | TakingApart) and self.file.pair is None
        )
        try:
            if failing is None and is_race:
                exhibits.timeline = await self._representative()
            elif failing is not None and exhibits.counterexample is not None:
                exhibits.passing = await self._nearest_passing(failing)
        except asyncio.CancelledError:  # Ctrl-C: the others are still reported
            coverage.stopped = INTERRUPTED
        return exhibits

    async def _confirm(self, failing: ExecutedSchedule) -> tuple[Counterexample | None, Timeline | None]:
        """Executes the shortest failing schedule again, and once more to find the failing step."""
        evidence = await self.runner.play_again(failing)
        found = self._find_worst(evidence)
        if found is None:
            self.collector.stop("a schedule failed, but not when it was executed again")
            return None, None
        self.collector.add(evidence, first=True)
        spec = self.runner.spec_of(failing.item)
        watched = await self.runner.watch(SchedulePolicy(failing.schedule), failing.data, rows=True, spec=spec)
        circumstances = Circumstances(inside=failing.item.apart)
        return self._show(evidence, found, watched, data=failing.data, circumstances=circumstances)

    async def find_of_named_order(
        self, failed: Evidence, circumstances: Circumstances
    ) -> tuple[Counterexample | None, Timeline | None]:
        """Executes the steps of a named order that failed again, to save and to draw them."""
        steps = [(step.name, step_name(step.point)) for step in failed.steps]
        async with self.runner.under(circumstances) as spec:
            evidence = await self.runner.play(failed.order, partial(CounterexamplePolicy, steps), spec=spec)
            found = self._find_worst(evidence)
            if found is None:
                reason = f": {evidence.inconclusive_reason}" if evidence.inconclusive_reason else ""
                self.collector.stop(f"{failed.order} failed, but not when it was executed again{reason}")
                return None, None
            watched = await self.runner.watch(CounterexamplePolicy(steps), (), rows=True, spec=spec)
        return self._show(evidence, found, watched, circumstances=circumstances, order=failed.order)

    def _show(
        self,
        evidence: Evidence,
        found: tuple[Check, Finding],
        watched: Sequence[Evidence],
        *,
        data: Data = (),
        circumstances: Circumstances = USUAL,
        order: str | None = None,
    ) -> tuple[Counterexample, Timeline | None]:
        """Makes the counterexample and, from the evidence after each step, its timeline."""
        check, finding = found
        counterexample = self._counterexample(data, evidence, check, finding, circumstances=circumstances)
        if not watched:
            self.collector.stop(f"{order or 'a schedule'} failed, but could not be executed a third time")
            return counterexample, None
        broken = find_broken_step(check, finding.message, watched)
        return counterexample, replace(make_timeline(watched), broken=broken, order=order)

    def _find_worst(self, evidence: Evidence) -> tuple[Check, Finding] | None:
        """Returns a check that failed. If several did, one about what a recipient got is preferred."""
        pairs = zip(self.runner.checks, evidence.findings, strict=True)
        failed = [(check, finding) for check, finding in pairs if finding.verdict == "FAIL"]
        return next((pair for pair in failed if pair[0].id in WORST), failed[0] if failed else None)

    async def _nearest_passing(self, failing: ExecutedSchedule) -> Timeline | None:
        """Finds a passing schedule that shares as long a prefix as possible with a failing one."""
        tried, deadline = 0, min(self.deadline, time.monotonic() + MAX_NEAREST_SECONDS)
        for position, decision in reversed(list(enumerate(failing.decisions))):
            for other in decision.enabled:
                if other == decision.chosen or is_fault(other):
                    continue
                tried += 1
                if tried > MAX_NEAREST_EXECUTIONS or time.monotonic() > deadline:
                    return None
                schedule = (*failing.schedule[:position], other)
                spec = self.runner.spec_of(failing.item)
                evidence = await self.runner.play("", partial(SchedulePolicy, schedule), failing.data, spec)
                passes = not any(one.verdict == "FAIL" or one.known for one in evidence.findings)
                if evidence.inconclusive_reason is None and passes:
                    return await self._timeline(schedule, failing.data, spec)
        return None

    async def _representative(self) -> Timeline | None:
        """Finds the passing schedule of a race, of whole statements, with the most lock waits, then switches."""
        evidence = [one for one in self.evidence.values() if one.inconclusive_reason is None and not one.is_inside]
        waits = {tuple(s.name for s in one.steps if s.point.kind != "start"): len(one.waits) for one in evidence}
        if not waits:
            return None
        return await self._timeline(max(waits, key=lambda one: (waits[one], count_switches(one))))

    async def _timeline(self, schedule: Schedule, data: Data = (), spec: ExecutionSpec | None = None) -> Timeline:
        return make_timeline(await self.runner.watch(SchedulePolicy(schedule), data, rows=False, spec=spec))

    async def _limits(self, strategy: Strategy, coverage: Coverage) -> list[ShownLimit]:
        """Finds the shortest schedule that shows each known limit."""
        found = []
        for reason, showing in coverage.known.items():
            executed = showing
            if strategy.level is None and not strategy.explores_all_failures and coverage.stopped is None:
                try:
                    executed = await self._shorten(showing, reason)
                except asyncio.CancelledError:  # Ctrl-C: keep those that were found first
                    coverage.stopped = INTERRUPTED
            counterexample = await self._limit(executed, reason)
            if counterexample is not None:
                spec = self.runner.spec_of(executed.item)
                timeline = await self._timeline(executed.schedule, executed.data, spec)
                found.append(ShownLimit(counterexample, timeline))
        return found

    async def _shorten(self, showing: ExecutedSchedule, reason: str) -> ExecutedSchedule:
        async def execute(items: Sequence[WorkItem]) -> Sequence[tuple[ExecutedSchedule, ExecutionSummary]]:
            made = await self.execute(items)
            return [(executed, replace(summary, failed=reason in summary.known)) for executed, summary in made]

        instances = [instance.name for instance in self.runner.instances]
        return await explorer.shorten(showing, instances, execute, deadline=self.deadline)

    async def _limit(self, showing: ExecutedSchedule, reason: str) -> Counterexample | None:
        """Returns the schedule that shows a known limit; None if it does not show it again."""
        evidence = await self.runner.play_again(showing)
        for check, finding in zip(self.runner.checks, evidence.findings, strict=True):
            if reason in finding.known:
                self.collector.add(evidence)
                circumstances = Circumstances(inside=showing.item.apart)
                return self._counterexample(
                    showing.data, evidence, check, finding, known=reason, circumstances=circumstances
                )
        return None

    def _counterexample(
        self,
        data: Data,
        evidence: Evidence,
        check: Check,
        finding: Finding,
        *,
        known: str | None = None,
        circumstances: Circumstances = USUAL,
    ) -> Counterexample:
        return Counterexample(
            scenario=display_path(self.file.source.file),
            target=self.plan.target,
            config=None if self.plan.config is None else display_path(self.plan.config),
            migrations=[display_path(file) for file in self.plan.migrations],
            check=check.id,
            message=finding.message,
            known=known,
            pair=None if self.file.pair is None else list(self.file.pair),
            data=name_choice(self.file.scenario, data),
            **vars(circumstances),
            schedule=[{step.name: step_name(step.point)} for step in evidence.steps],
        )
