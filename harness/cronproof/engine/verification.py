"""One scenario from beginning to end: its named overlaps, then its interleavings, and what its checks say of both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from cronproof.checks import Check, Finding
from cronproof.engine import timeline
from cronproof.engine.journal import Execute, Journal
from cronproof.engine.results import Known, ScenarioResult, Tally
from cronproof.engine.scenario_runner import Glance, Stage, examine
from cronproof.engine.timeline import Timeline
from cronproof.engine.workers import Workers
from cronproof.evidence.evidence import Run
from cronproof.explore import explorer, named_orders
from cronproof.explore.counterexample import Counterexample
from cronproof.explore.dpor import Reduced
from cronproof.explore.explorer import INTERRUPTED, Coverage, Progress
from cronproof.explore.pct import ByPriority, Drawn, Sample, shrunk
from cronproof.explore.schedule import Follow, switches
from cronproof.explore.strategy import ByPreemptions, Search, Task
from cronproof.gate.fault import DIES, is_fault
from cronproof.gate.names import step_name
from cronproof.report.data.provenance import shown
from cronproof.scenario.choices import choices, named
from cronproof.scenario.reader import ScenarioFile

MAX_EVIDENCE_RUNS = 50
MAX_NEAREST_RUNS = 100
"""So many schedules are tried to find one that passes."""
WORST = ("no-duplicate", "no-loss", "delivery")


@dataclass
class _Shown:
    """As of `ScenarioResult`."""

    counterexample: Counterexample | None = None
    timeline: Timeline | None = None
    passing: Timeline | None = None
    known: Sequence[Known] = ()


@dataclass
class Verification:
    """A scenario that is being played, on a stage that is ready."""

    file: ScenarioFile
    stage: Stage
    workers: Workers | None
    deadline: float
    progress: Progress
    seed: int
    seeks_failures: bool
    migrations: Sequence[Path]
    config: Path | None
    journal: Journal | None
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._tally = Tally(self.file.scenario)
        self._seen: dict[str, Run] = {}

    async def result(self) -> ScenarioResult:
        """Plays all of it."""
        when, target = self.stage.when, self.stage.target
        if not target.set_clock(self.file.scenario.given.clock):
            self._tally.stopped(f"the clock of {target.name} cannot be set: only that of crons in this process can")
            return ScenarioResult(self.file, self._tally.results, [], self._tally.exploration("none", None, 0.0))
        for name in when.overlaps:
            if not self._is_enough:
                await self._overlapping(name)
        faults = when.faults_to_meet
        if faults is not None and DIES in faults.names and not target.can_die:
            self._tally.stopped(f"{target.name} is no process that could be killed: name faults without `dies`")
        elif when.strategy is not None and not self._is_enough:
            return await self._explored(when.strategy)
        strategy = "overlaps" if len(when.instance_list) > 1 else "single"
        exploration = self._tally.exploration(strategy, None, self._seconds)
        return ScenarioResult(self.file, self._tally.results, self._tally.runs, exploration)

    @property
    def _is_enough(self) -> bool:
        """Whether a failure was found where nothing more is wanted."""
        return self.seeks_failures and self._tally.has_failed

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.started

    async def _overlapping(self, name: named_orders.OverlapName) -> None:
        """The runs of one named overlap: one, or as many as the first instance has points."""
        stage, tally = self.stage, self._tally
        match name:
            case "one-after-the-other":
                tally.add(await stage.play(name, named_orders.one_after_the_other))
            case "step-by-step":
                tally.add(await stage.play(name, named_orders.step_by_step))
            case "held-anywhere":
                await self._at_each_point(name, named_orders.held_at_step)
            case "jobs-locked":
                tally.add(await stage.play(name, named_orders.jobs_locked))
            case place:
                tally.add(await stage.play(place, named_orders.held_at(place)))

    async def _at_each_point(self, name: str, at_step: Callable[[int], named_orders.Play]) -> None:
        """As many runs as the first instance has points."""
        for steps in count(1):
            run = await self.stage.play(f"{name} ({steps})", at_step(steps))
            if run.never_reached and steps > 1:  # the point before was the last
                return
            self._tally.add(run)
            if run.hindrance:
                return

    async def _explored(self, name: str) -> ScenarioResult:
        instances = [instance.name for instance in self.stage.instances]
        values = [len(choice.values) for choice in choices(self.file.scenario)]
        search = explorer.strategy(name, instances, seed=self.seed, choices=values)
        execute: Execute = self._execute if self.journal is None else self.journal.keeping(self._execute)
        is_over = False
        try:
            self.stage.observing = name == "all"
            coverage, failing = await explorer.explore(
                search, name, execute, deadline=self.deadline, progress=self.progress
            )
            is_over = coverage.stopped is None
        finally:
            self.stage.observing = False
            if self.journal is not None:
                self.journal.close(is_over=is_over)
        is_shortened = search.level is None and not search.tells_all and not self.seeks_failures
        if failing is not None and is_shortened and coverage.stopped is None:
            try:
                if isinstance(failing, ByPriority) and isinstance(search, Sample):
                    failing = await self._shrunk(search, failing)
                failing = await explorer.shorten(failing, instances, self._execute, deadline=self.deadline)
            except asyncio.CancelledError:  # Ctrl-C: then the one that was found first has to do
                coverage.stopped = INTERRUPTED
        # Of faults the truth table has every one; of a pair it is asked whether all come to the same.
        is_all_asked = self.stage.when.faults_to_meet is not None or self.file.pair is not None
        for run in list(self._seen.values())[: None if is_all_asked else MAX_EVIDENCE_RUNS]:
            self._tally.add(run)
        shown = _Shown() if self.seeks_failures else await self._shown(search, coverage, failing)
        if coverage.stopped is not None:
            self._tally.stopped(coverage.stopped)
        return ScenarioResult(
            self.file,
            self._tally.results,
            self._tally.runs,
            self._tally.exploration(name, coverage, self._seconds),
            counterexample=shown.counterexample,
            timeline=shown.timeline,
            passing=shown.passing,
            known=shown.known,
            interrupted=coverage.stopped == INTERRUPTED,
        )

    async def _shown(self, search: Search, coverage: Coverage, failing: Follow | None) -> _Shown:
        """The schedules that are worth seeing, each run again for it."""
        shown = _Shown(known=await self._limits(search, coverage))
        if failing is not None:
            shown.counterexample, shown.timeline = await self._confirmed(failing)
        if coverage.stopped is not None:
            return shown
        is_race = isinstance(search, Reduced | ByPreemptions) and self.file.pair is None
        try:
            if failing is None and is_race:
                shown.timeline = await self._representative()
            elif failing is not None and shown.counterexample is not None:
                shown.passing = await self._passing(failing)
        except asyncio.CancelledError:  # Ctrl-C: then the others have to do
            coverage.stopped = INTERRUPTED
        return shown

    async def _execute(self, tasks: Sequence[Task]) -> Sequence[tuple[Follow, Glance]]:
        """Makes the runs of a batch. Of each that came to something new, what the checks are asked about is kept."""
        if self.workers is None:
            glances: Sequence[tuple[Follow, Glance]] = [await self.stage.glance(task) for task in tasks]
        else:
            glances = await self.workers.glance(self.file, tasks, observing=self.stage.observing)
        for _, glance in glances:  # of each outcome the first in their order, however many workers have seen it
            if glance.run is not None:
                self._seen.setdefault(glance.key, glance.run)
        return glances

    async def _limits(self, search: Search, coverage: Coverage) -> list[Known]:
        """Of each known limit that has shown the shortest schedule that shows it."""
        found = []
        for reason, showing in coverage.known.items():
            followed = showing
            if search.level is None and not search.tells_all and coverage.stopped is None:
                try:
                    followed = await self._shortened(showing, reason)
                except asyncio.CancelledError:  # Ctrl-C: then those that were found first have to do
                    coverage.stopped = INTERRUPTED
            counterexample = await self._limit(followed, reason)
            if counterexample is not None:
                found.append(Known(counterexample, timeline.of(await self.stage.watch(followed, rows=False))))
        return found

    async def _shortened(self, showing: Follow, reason: str) -> Follow:
        async def execute(tasks: Sequence[Task]) -> Sequence[tuple[Follow, Glance]]:
            made = await self._execute(tasks)
            return [(follow, replace(glance, failed=reason in glance.known)) for follow, glance in made]

        instances = [instance.name for instance in self.stage.instances]
        return await explorer.shorten(showing, instances, execute, deadline=self.deadline)

    async def _limit(self, showing: Follow, reason: str) -> Counterexample | None:
        """The schedule that shows a known limit; none, if it does not show it again."""
        run = await self.stage.play_again(showing)
        for check in self.stage.checks:
            finding = examine(check, run)
            if reason in finding.known:
                self._tally.add(run)
                return self._counterexample(showing, run, check, finding, known=reason)
        return None

    async def _shrunk(self, sample: Sample, failing: ByPriority) -> Follow:
        """A simpler run that fails too, in data and schedule."""
        follows = {failing.drawn: failing}

        async def fails(drawn: Drawn) -> bool:
            if time.monotonic() > self.deadline:
                return False
            ((follow, glance),) = await self._execute([drawn])
            if glance.failed and isinstance(follow, ByPriority):
                follows[drawn] = follow
            return drawn in follows

        return follows[await shrunk(sample, failing.drawn, fails)]

    async def _confirmed(self, failing: Follow) -> tuple[Counterexample | None, Timeline | None]:
        """Runs the shortest failing schedule again, and once more to see at which step the check breaks."""
        run = await self.stage.play_again(failing)
        asked = [(check, examine(check, run)) for check in self.stage.checks]
        failed = [(check, finding) for check, finding in asked if finding.verdict == "FAIL"]
        # Of several that fail, what happened to a customer says most.
        found = next((pair for pair in failed if pair[0].id in WORST), failed[0] if failed else None)
        if found is None:
            self._tally.stopped("a schedule failed, and did not fail when it was run again")
            return None, None
        self._tally.add(run, first=True)
        check, finding = found
        looks = await self.stage.watch(failing, rows=True)
        drawn = replace(timeline.of(looks), broken=timeline.broken(check, finding.message, looks))
        return self._counterexample(failing, run, check, finding), drawn

    async def _passing(self, failing: Follow) -> Timeline | None:
        """Of the schedules that pass, one that goes as the failing one does for as long as possible."""
        tried = 0
        for position, decision in reversed(list(enumerate(failing.decisions))):
            for other in decision.enabled:
                if other == decision.chosen or is_fault(other):
                    continue
                tried += 1
                if tried > MAX_NEAREST_RUNS or time.monotonic() > self.deadline:
                    return None
                follow = Follow((*failing.schedule_taken[:position], other), data=failing.data)
                run = await self.stage.play("", follow, failing.data)
                findings = [examine(check, run) for check in self.stage.checks]
                if run.hindrance is None and not any(one.verdict == "FAIL" or one.known for one in findings):
                    return timeline.of(await self.stage.watch(follow, rows=False))
        return None

    async def _representative(self) -> Timeline | None:
        """Of a race that passes, the schedule with the most to see: lock waits, then switches."""
        runs = [run for run in self._seen.values() if run.hindrance is None]
        waits = {tuple(step.name for step in run.steps if step.point.kind != "start"): len(run.waits) for run in runs}
        if not waits:
            return None
        chosen = max(waits, key=lambda schedule: (waits[schedule], switches(schedule)))
        return timeline.of(await self.stage.watch(Follow(chosen), rows=False))

    def _counterexample(
        self, followed: Follow, run: Run, check: Check, finding: Finding, *, known: str | None = None
    ) -> Counterexample:
        return Counterexample(
            scenario=shown(self.file.source.file),
            target=self.stage.target.name,
            config=None if self.config is None else shown(self.config),
            migrations=[shown(file) for file in self.migrations],
            check=check.id,
            message=finding.message,
            known=known,
            pair=None if self.file.pair is None else list(self.file.pair),
            data=named(self.file.scenario, followed.data),
            schedule=[{step.name: step_name(step.point)} for step in run.steps],
        )
