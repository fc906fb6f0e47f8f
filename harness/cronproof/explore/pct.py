"""A sample of the schedules, for what is too large to be run whole: drawn at random, with a bound on what was missed.

Probabilistic concurrency testing: S. Burckhardt, P. Kothari, M. Musuvathi, S. Nagarakatte, "A randomized scheduler with
probabilistic guarantees of finding bugs", ASPLOS 2010. Each instance gets a priority at random, and whoever has the
highest of those who can go on does; before d - 1 steps drawn at random, the one that would take it falls behind all
others. A failure that shows whenever d pairs of steps come in a certain order, one step of each before the other, is met
in one run with a probability of at least 1 / (n · k^(d-1)), for n instances and at most k steps in all. The bound holds
for draws that are uniform and independent of each other, so they are made here and not by Hypothesis, which prefers what
has found something before.

Rows of which a scenario gives several values are drawn along with the schedule. When a run fails, Hypothesis gets its
draws and looks for smaller ones that fail too: earlier values, fewer and later falls.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import unittest
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field

from cronproof.explore.schedule import Asleep, Data, Follow
from cronproof.explore.strategy import Assurance, Task
from cronproof.gate.fault import instance_of

MAX_SHRINKS = 500

Draw = Callable[[int], int]
"""Returns a number from 0 to below its argument. The smaller, the simpler."""


@dataclass
class ByPriority(Follow):
    """Releases whoever has the highest priority. Whoever would take a step of `falls` falls behind all others first."""

    drawn: Drawn = field(default_factory=lambda: Drawn())  # noqa: PLW0108  (the class stands below)
    _fallen: dict[str, int] = field(default_factory=dict)
    _due: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._due = list(range(len(self.drawn.falls)))

    def choose(
        self,
        position: int,
        enabled: Sequence[str],
        asleep: Asleep,  # noqa: ARG002  (nobody is)
        slow: Collection[str],  # noqa: ARG002  (as above)
    ) -> str:
        """Who of those who can go on is released."""
        while True:
            chosen = max(enabled, key=self._priority)
            fall = next((number for number in self._due if self.drawn.falls[number] == position), None)
            if fall is None:
                return chosen
            self._due.remove(fall)
            self._fallen[chosen] = fall

    def _priority(self, name: str) -> int:
        if name in self._fallen:
            return self._fallen[name]
        order = self.drawn.order
        return len(self.drawn.falls) + len(order) - order.index(instance_of(name))


@dataclass(frozen=True)
class Drawn(Task):
    """A run by priorities, what was drawn for it, and how many steps it was thought to have.

    `order` has the instances, the one of the highest priority first; `falls` are positions of steps, from 0.
    """

    order: tuple[str, ...] = ()
    falls: tuple[int, ...] = ()
    draws: tuple[int, ...] = ()
    steps: int = 0

    def __hash__(self) -> int:
        return hash(self.draws)

    def follow(self) -> Follow:
        """What plays it."""
        return ByPriority(data=self.data, drawn=self)


class Sample:
    """As many schedules as are asked for. The first one is run to learn how many steps there are."""

    level: int | None = None
    exhaustive = False
    batch = 32
    tells_all = False

    def __init__(
        self, instances: Sequence[str], count: int, depth: int, *, seed: int = 0, choices: Sequence[int] = ()
    ) -> None:
        self._instances = tuple(instances)
        self._count = count
        self._depth = depth
        self._choices = choices
        """How many values there are for each datum."""
        self._random = random.Random(seed)  # noqa: S311  (a sample, no secret)
        self._steps = 0
        self._taken = 0
        self._counting = 0
        """How many runs were drawn with as many steps in mind as there turned out to be."""

    @property
    def pending(self) -> int:
        """The runs that are left."""
        return self._count - self._taken

    @property
    def assurance(self) -> Assurance:
        """The bound, for any one choice of the data."""
        in_one_run = 1 / (len(self._instances) * max(self._steps, 1) ** (self._depth - 1) * math.prod(self._choices))
        return Assurance(self._depth, 1 - (1 - in_one_run) ** self._counting)

    def take(self, at_most: int) -> list[Task]:
        """The next draws."""
        if self._taken == 0:
            self._taken = 1
            return [Task()]
        tasks = [self.drawn(self._random.randrange, self._steps) for _ in range(min(at_most, self.pending))]
        self._taken += len(tasks)
        return list(tasks)

    def drawn(self, draw: Draw, steps: int) -> Drawn:
        """A run made of draws: the data, then who comes first, then before which steps somebody falls behind."""
        draws: list[int] = []

        def number(below: int) -> int:
            if below == 1:  # there is nothing to choose from, and Hypothesis counts no such draw
                return 0
            draws.append(draw(below))
            return draws[-1]

        data: Data = tuple(number(count) for count in self._choices)
        left = list(self._instances)
        order = [left.pop(number(len(left))) for _ in self._instances]
        falls = [steps - 1 - number(steps) for _ in range(self._depth - 1)]
        return Drawn(data=data, order=tuple(order), falls=tuple(falls), draws=tuple(draws), steps=steps)

    def ran(self, task: Task, followed: Follow) -> None:
        """Learns how many steps there are. Runs that were drawn for fewer do not count for the bound."""
        if len(followed.decisions) > self._steps:
            self._steps, self._counting = len(followed.decisions), 0
        if isinstance(task, Drawn):
            self._counting += task.steps == self._steps


Fails = Callable[[Drawn], Coroutine[None, None, bool]]
"""Makes a run, and says whether it fails."""


class _Stopped(BaseException):
    """Nobody wants the result any more. No error, which Hypothesis would take for a failure."""


async def shrunk(sample: Sample, failing: Drawn, fails: Fails) -> Drawn:
    """The simplest run that Hypothesis finds to fail as well, beginning with the draws of one that does."""
    loop = asyncio.get_running_loop()
    stopped = False

    def fails_too(drawn: Drawn) -> bool:
        if stopped:
            raise _Stopped
        return asyncio.run_coroutine_threadsafe(fails(drawn), loop).result()

    searching = asyncio.create_task(asyncio.to_thread(_smallest, sample, failing, fails_too))
    try:
        return await asyncio.shield(searching)
    except asyncio.CancelledError:
        stopped = True
        await asyncio.gather(searching, return_exceptions=True)  # it ends with the run that is being made
        raise


class _FoundError(Exception):
    """A run fails."""


def _smallest(sample: Sample, failing: Drawn, fails: Callable[[Drawn], bool]) -> Drawn:
    # Half a second to import, and only a failing sample needs it.
    from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415
    from hypothesis.database import ExampleDatabase, choices_to_bytes  # noqa: PLC0415

    class Beginning(ExampleDatabase):
        """Holds the draws to begin with: among the examples that are known not to be the smallest."""

        def fetch(self, key: bytes) -> Iterator[bytes]:
            if key.endswith(b".secondary"):
                yield choices_to_bytes(failing.draws)

        def save(self, key: bytes, value: bytes) -> None:
            pass

        def delete(self, key: bytes, value: bytes) -> None:
            pass

    @st.composite
    def runs(draw: st.DrawFn) -> Drawn:
        return sample.drawn(lambda below: draw(st.integers(0, below - 1)), failing.steps)

    smallest = failing

    @settings(
        database=Beginning(),
        phases=[Phase.reuse, Phase.shrink],
        max_examples=MAX_SHRINKS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
    )
    @seed(0)  # below the settings: it would take the database out of them
    @given(runs())
    def smaller(drawn: Drawn) -> None:
        nonlocal smallest
        if fails(drawn):
            smallest = drawn
            raise _FoundError

    with contextlib.suppress(_FoundError, unittest.SkipTest):  # it skips when it is told to begin with nothing known
        smaller()
    return smallest
