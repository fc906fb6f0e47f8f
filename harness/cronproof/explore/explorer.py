"""The explorer: runs what a strategy gives out, until it is exhausted, something fails, or time is up.

Of what fails it finds the shortest: of all failing schedules with the fewest preemptions that with the fewest switches,
then with the fewest steps. It is run once more before anybody hears of it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cronproof.explore.dpor import Reduced
from cronproof.explore.pct import Sample
from cronproof.explore.schedule import Follow, Schedule, faults, preemptions, switches
from cronproof.explore.strategy import Assurance, ByFaults, ByPreemptions, Search, Task

INTERRUPTED = "interrupted"
MAX_SHORTENING_RUNS = 10_000
MAX_SHORTENING_SECONDS = 30.0  # then the shortest that was found has to do


class Result(Protocol):
    """What a run came to, as far as the explorer asks."""

    @property
    def failed(self) -> bool:
        """Whether something that must hold did not."""

    @property
    def hindrance(self) -> str | None:
        """Why the run proves nothing, if it does not."""

    @property
    def outcome(self) -> str:
        """What it came to: equal outcomes count once."""

    @property
    def summary(self) -> str:
        """The outcome in a few words."""

    @property
    def waits(self) -> int:
        """How often an instance waited for a lock."""

    @property
    def known(self) -> Sequence[str]:
        """Limits that are known and have shown, each by its reason."""

    @property
    def amiss(self) -> Sequence[str]:
        """What has become of messages that are not as they should be."""

    @property
    def is_recorded(self) -> bool:
        """Whether the run was made some time ago."""


Execute = Callable[[Sequence[Task]], Awaitable[Sequence[tuple[Follow, Result]]]]
"""Makes the runs of a batch, and returns what became of them in the same order."""


@dataclass
class Coverage:
    """What was run so far. `stopped` says why it ended before the strategy did."""

    strategy: str
    schedules: int = 0
    pending: int = 1
    outcomes: Counter[str] = field(default_factory=Counter)
    """How many runs came to each."""
    summaries: dict[str, str] = field(default_factory=dict)
    """Each outcome in a few words."""
    waits: int = 0
    complete: bool = False
    """Whether the strategy has nothing more to give out."""
    exhausted: bool = False
    """Whether there is no further schedule at all."""
    stopped: str | None = None
    failing: list[Follow] = field(default_factory=list)
    known: dict[str, Follow] = field(default_factory=dict)
    """Of each known limit that has shown the shortest run, by its reason."""
    amiss: Counter[str] = field(default_factory=Counter)
    """In how many runs messages are not as they should be: `twice`, `lost`, `stuck`."""
    assurance: Assurance | None = None
    """What is known of what was not run, where chance decided which was."""
    recorded: int = 0
    """How many of the runs were made before, and only told of."""
    estimate: int | None = None
    """How many schedules there will have been, about."""
    started: float = field(default_factory=time.monotonic)

    def note(self, follow: Follow, result: Result) -> None:
        """One more run."""
        self.schedules += 1
        self.recorded += result.is_recorded
        self.outcomes[result.outcome] += 1
        self.summaries[result.outcome] = result.summary
        self.waits += result.waits
        if self.strategy == "all-unreduced":
            self.estimate = _shuffles(follow)
        self.amiss.update(result.amiss)
        if result.failed:
            self.failing.append(follow)
        for reason in result.known:
            self.known[reason] = min(self.known.get(reason, follow), follow, key=_simplicity)

    @property
    def rate(self) -> float:
        """Schedules a second."""
        return (self.schedules - self.recorded) / max(time.monotonic() - self.started, 1e-9)


Progress = Callable[[Coverage], None]


def strategy(name: str, instances: Sequence[str], *, seed: int = 0, choices: Sequence[int] = ()) -> Search:
    """The search that a name stands for: all, all-unreduced, preemptions:N, sample:N:DEPTH, or faults alone.

    `choices` says of each datum that a sample draws how many values there are.
    """
    match name.split(":"):
        case ["all"]:
            return Reduced()
        case ["faults"]:
            return ByFaults()
        case ["all-unreduced"]:
            return ByPreemptions(instances)
        case ["preemptions", bound]:
            return ByPreemptions(instances, int(bound))
        case ["sample", count, depth]:
            return Sample(instances, int(count), int(depth), seed=seed, choices=choices)
    raise ValueError(name)


async def explore(
    search: Search, name: str, execute: Execute, *, deadline: float, progress: Progress, at_most: float = math.inf
) -> tuple[Coverage, Follow | None]:
    """Runs the search. Returns what was covered, and of the failing schedules that were found the shortest.

    After a failure the runs with as many preemptions are still made, so that the shortest is among them.
    """
    coverage = Coverage(name)
    try:
        while tasks := search.take(search.batch):
            is_found = bool(coverage.failing) and not search.tells_all
            if is_found and search.level != preemptions(coverage.failing[0].decisions):
                break
            if time.monotonic() > deadline or coverage.schedules >= at_most:
                coverage.stopped = "the budget had ended"
                break
            for task, (follow, result) in zip(tasks, await execute(tasks), strict=True):
                if result.hindrance is not None:
                    coverage.stopped = result.hindrance
                    return coverage, shortest(coverage.failing)
                search.ran(task, follow)
                coverage.note(follow, result)
            coverage.pending, coverage.assurance = search.pending, search.assurance
            progress(coverage)
            if coverage.failing and search.level is None and not search.tells_all:
                break
        else:
            coverage.complete, coverage.exhausted = True, search.exhaustive
    except asyncio.CancelledError:  # Ctrl-C: what was found until then is told
        coverage.stopped = INTERRUPTED
    return coverage, shortest(coverage.failing)


def _shuffles(follow: Follow) -> int:
    """In how many orders the steps of a run could come, if each instance did the same in all of them."""
    counts = Counter(decision.chosen for decision in follow.decisions)
    return math.factorial(counts.total()) // math.prod(map(math.factorial, counts.values()))


async def shorten(failing: Follow, instances: Sequence[str], execute: Execute, *, deadline: float) -> Follow:
    """The shortest failing schedule on the same rows, given one that was found in another way."""
    search = ByPreemptions(instances, preemptions(failing.decisions), failing.data)
    coverage, found = await explore(
        search,
        "shorten",
        execute,
        deadline=min(deadline, time.monotonic() + MAX_SHORTENING_SECONDS),
        progress=lambda _: None,
        at_most=MAX_SHORTENING_RUNS,
    )
    if coverage.stopped == INTERRUPTED:
        raise asyncio.CancelledError
    return found or failing


def shortest(failing: Sequence[Follow]) -> Follow | None:
    """Of schedules with equally few preemptions that with the fewest faults, then switches, then steps."""
    return min(failing, key=_length, default=None)


def _simplicity(follow: Follow) -> tuple[int, tuple[int, int, int, Schedule]]:
    return preemptions(follow.decisions), _length(follow)


def _length(follow: Follow) -> tuple[int, int, int, Schedule]:
    schedule = follow.schedule_taken
    return faults(schedule), switches(schedule), len(schedule), schedule
