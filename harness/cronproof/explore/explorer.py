"""The explorer: executes a strategy until it is exhausted, a schedule fails, or time is up.

It finds the shortest failing schedule: fewest preemptions, then faults, switches and steps.
"""

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cronproof.explore.dpor import DporStrategy
from cronproof.explore.exhaustive import PreemptionBoundedStrategy
from cronproof.explore.fault_strategy import FaultStrategy
from cronproof.explore.inside import EVERYTHING_APART, Choice, TakingApart
from cronproof.explore.pct import PctItem, PctPolicy, PctStrategy
from cronproof.explore.policy import SchedulePolicy
from cronproof.explore.schedule import (
    ExecutedSchedule,
    Schedule,
    WorkItem,
    count_faults,
    count_preemptions,
    count_switches,
    faults_in,
    overlaps,
)
from cronproof.explore.strategy import Assurance, Inside, Strategy
from cronproof.gate.fault import FaultName
from cronproof.gate.point import EVERY_STATEMENT

INTERRUPTED = "interrupted"
MAX_SHORTENING_EXECUTIONS = 10_000
MAX_SHORTENING_SECONDS = 30.0  # then the shortest found so far is used


class Summary(Protocol):
    """The parts of an execution's result that the explorer needs."""

    @property
    def failed(self) -> bool:
        """Whether a check failed."""

    @property
    def inconclusive_reason(self) -> str | None:
        """Why the execution is inconclusive, if it is."""

    @property
    def outcome(self) -> str:
        """The outcome as text. Equal outcomes count once."""

    @property
    def summary(self) -> str:
        """The outcome in a few words."""

    @property
    def waits(self) -> int:
        """How often an instance waited for a lock."""

    @property
    def known(self) -> Sequence[str]:
        """The reasons of the known limits that have shown."""

    @property
    def anomalies(self) -> Sequence[str]:
        """The kinds of anomalies."""

    @property
    def is_recorded(self) -> bool:
        """Whether the execution was read from a journal."""


Execute = Callable[[Sequence[WorkItem]], Awaitable[Sequence[tuple[ExecutedSchedule, Summary]]]]
"""Executes a batch of items, and returns their results in the same order."""


@dataclass
class Coverage:
    """What was executed so far."""

    strategy: str
    schedules: int = 0
    pending: int = 1
    outcomes: Counter[str] = field(default_factory=Counter)
    """How many executions had each outcome."""
    summaries: dict[str, str] = field(default_factory=dict)
    """Each outcome in a few words."""
    waits: int = 0
    complete: bool = False
    """Whether the strategy has no items left."""
    exhausted: bool = False
    """Whether every schedule is covered."""
    stopped: str | None = None
    """Why the exploration stopped early, if it did."""
    failing: list[ExecutedSchedule] = field(default_factory=list)
    known: dict[str, ExecutedSchedule] = field(default_factory=dict)
    """The shortest schedule that shows each known limit, by its reason."""
    anomalies: Counter[str] = field(default_factory=Counter)
    """In how many executions each kind of anomaly shows."""
    faults: set[FaultName] = field(default_factory=set)
    """The faults that were injected."""
    overlapped: bool = False
    """Whether an instance did something between two steps of another one."""
    assurance: Assurance | None = None
    inside: Inside | None = None
    """Inside which statements instances were held."""
    recorded: int = 0
    """How many executions were read from a journal."""
    estimate: int | None = None
    """An estimate of the number of all schedules, if there is one."""
    started: float = field(default_factory=time.monotonic)

    def record(self, executed: ExecutedSchedule, summary: Summary) -> None:
        """Adds one execution."""
        self.schedules += 1
        self.recorded += summary.is_recorded
        self.outcomes[summary.outcome] += 1
        self.summaries[summary.outcome] = summary.summary
        self.waits += summary.waits
        if self.strategy == "all-unreduced":
            self.estimate = _count_shuffles(executed)
        self.anomalies.update(summary.anomalies)
        self.faults |= faults_in(executed.schedule)
        self.overlapped = self.overlapped or overlaps(executed.schedule)
        if summary.failed:
            self.failing.append(executed)
        for reason in summary.known:
            self.known[reason] = min(self.known.get(reason, executed), executed, key=_simplicity)

    @property
    def rate(self) -> float:
        """Executed schedules per second."""
        return (self.schedules - self.recorded) / max(time.monotonic() - self.started, 1e-9)


Progress = Callable[[Coverage], None]


def make_strategy(
    name: str,
    instances: Sequence[str],
    *,
    seed: int = 0,
    choices: Sequence[int] = (),
    inside: Choice = "none",
    pairs: Sequence[Collection[str]] = (),
    puts_off_whole: bool = False,
) -> Strategy:
    """Makes a strategy by name: all, all-unreduced, preemptions:N, sample:N:DEPTH, or faults.

    `choices` has the number of values for each datum that a sample draws. `inside`: which statements
    are taken apart, `pairs` the instances that are held inside them together (default: all pairs).
    `puts_off_whole`: no schedule of whole statements is wanted for its own sake.
    """
    apart = EVERYTHING_APART if inside == "all" else {}
    match name.split(":"):
        case ["all"] if inside == "none":
            return DporStrategy()
        case ["all"]:
            pairs = pairs or list(itertools.combinations(instances, 2))
            return TakingApart(
                instances, pairs, takes_everything=inside == "all", puts_off_whole=puts_off_whole and inside != "all"
            )
        case ["faults"]:
            return FaultStrategy()
        case ["all-unreduced"]:
            return PreemptionBoundedStrategy(instances, apart=apart)
        case ["preemptions", bound]:
            return PreemptionBoundedStrategy(instances, int(bound), apart=apart)
        case ["sample", count, depth]:
            return PctStrategy(instances, int(count), int(depth), seed=seed, choices=choices, apart=apart)
    raise ValueError(name)


def policy_for(item: WorkItem) -> SchedulePolicy | PctPolicy:
    """Makes the policy that executes an item."""
    return PctPolicy(item) if isinstance(item, PctItem) else SchedulePolicy(item.schedule, item.sleep_set, item.last)


async def explore(
    strategy: Strategy, name: str, execute: Execute, *, deadline: float, progress: Progress, at_most: float = math.inf
) -> tuple[Coverage, ExecutedSchedule | None]:
    """Executes a strategy. Returns the coverage, and the shortest failing schedule, if any.

    If the strategy has preemption levels, it finishes the level of a failure to find the shortest.
    An inconclusive execution ends the exploration, unless a fault of a strategy that explores every
    fault has made it so.
    """
    coverage = Coverage(name)
    try:
        while items := strategy.take(strategy.batch):
            is_found = bool(coverage.failing) and not strategy.explores_all_failures
            if is_found and strategy.level != count_preemptions(coverage.failing[0].decisions):
                break
            if time.monotonic() > deadline or coverage.schedules >= at_most:
                coverage.stopped = "the time budget was used up"
                break
            for executed, summary in await execute(items):
                if summary.inconclusive_reason is not None:
                    if strategy.explores_all_failures and faults_in(executed.item.schedule):
                        coverage.schedules += 1  # one fault that proves nothing does not end the matrix
                        continue
                    coverage.stopped = summary.inconclusive_reason
                    return coverage, find_shortest(coverage.failing)
                strategy.observe(executed)
                coverage.record(executed, summary)
            coverage.pending, coverage.assurance = strategy.pending, strategy.assurance
            progress(coverage)
            if coverage.failing and strategy.level is None and not strategy.explores_all_failures:
                break
        else:
            coverage.complete, coverage.exhausted = True, strategy.exhaustive
    except asyncio.CancelledError:  # Ctrl-C: what was found until then is reported
        coverage.stopped = INTERRUPTED
    finally:
        coverage.inside = strategy.inside
    return coverage, find_shortest(coverage.failing)


async def shorten(
    failing: ExecutedSchedule, instances: Sequence[str], execute: Execute, *, deadline: float
) -> ExecutedSchedule:
    """Finds the shortest failing schedule with the same rows and at most as many preemptions, in which as few
    statements as possible are taken apart.
    """
    coverage, found = await explore(
        PreemptionBoundedStrategy(
            instances, count_preemptions(failing.decisions), failing.data, apart=failing.item.apart
        ),
        "shorten",
        execute,
        deadline=min(deadline, time.monotonic() + MAX_SHORTENING_SECONDS),
        progress=lambda _: None,
        at_most=MAX_SHORTENING_EXECUTIONS,
    )
    if coverage.stopped == INTERRUPTED:
        raise asyncio.CancelledError
    return await prefer_whole(found or failing, execute)


async def prefer_whole(failing: ExecutedSchedule, execute: Execute) -> ExecutedSchedule:
    """Returns a failing schedule with as few statements taken apart as it takes: each is tried whole."""
    held = [one.piece.statement for one in failing.decisions if one.piece is not None and one.piece.continues]
    depths = failing.item.apart
    apart = {name: depths.get(name) or depths[EVERY_STATEMENT] for name in dict.fromkeys(held)}
    for statement in list(apart):
        fewer = {name: depth for name, depth in apart.items() if name != statement}
        schedule = tuple(
            decision.chosen
            for decision in failing.decisions
            if decision.piece is None or not decision.piece.continues or decision.piece.statement in fewer
        )
        ((executed, summary),) = await execute([WorkItem(schedule, data=failing.data, apart=fewer)])
        if summary.failed:
            failing, apart = executed, fewer
    return failing


def find_shortest(failing: Sequence[ExecutedSchedule]) -> ExecutedSchedule | None:
    """Returns the schedule with the fewest faults, then switches, then steps."""
    return min(failing, key=_length, default=None)


def _count_shuffles(executed: ExecutedSchedule) -> int:
    """Counts the possible orders of the steps, if each instance did the same in all of them."""
    counts = Counter(executed.schedule)
    return math.factorial(counts.total()) // math.prod(map(math.factorial, counts.values()))


def _simplicity(executed: ExecutedSchedule) -> tuple[int, tuple[int, int, int, Schedule]]:
    return count_preemptions(executed.decisions), _length(executed)


def _length(executed: ExecutedSchedule) -> tuple[int, int, int, Schedule]:
    schedule = executed.schedule
    return count_faults(schedule), count_switches(schedule), len(schedule), schedule
