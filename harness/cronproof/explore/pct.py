"""Probabilistic concurrency testing: random schedules, with a bound on the chance of a miss.

S. Burckhardt, P. Kothari, M. Musuvathi, S. Nagarakatte, "A randomized scheduler with probabilistic
guarantees of finding bugs", ASPLOS 2010. Instances have random priorities, and the highest one
runs. Before d - 1 random steps, the instance that would take the step drops below all initial
priorities. With n instances and at most k steps, one execution finds a bug that needs d ordered
pairs of steps with a probability of at least 1 / (n · k^(d-1)). This requires uniform independent
draws. So they are made here, and not by Hypothesis, which favours draws that found something.

If a scenario gives several values for rows, they are drawn along with the schedule. Hypothesis
shrinks the draws of a failing execution: to earlier values, and fewer and later priority drops.
"""

import asyncio
import contextlib
import math
import random
import unittest
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field

from cronproof.domain.choice import Data
from cronproof.explore.policy import Enabled, first_unstarted
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.explore.strategy import Assurance, Inside
from cronproof.gate.fault import instance_of
from cronproof.gate.point import Apart
from cronproof.gate.trace import Trace

MAX_SHRINKS = 500

Draw = Callable[[int], int]
"""Returns a number from 0 to below its argument. The smaller, the simpler."""


@dataclass(frozen=True)
class PctItem(WorkItem):
    """A work item with priorities, the draws they come from, and the expected number of steps."""

    order: tuple[str, ...] = ()
    """The instances, the one with the highest priority first."""
    falls: tuple[int, ...] = ()
    """The steps, from 0, before which an instance's priority drops."""
    draws: tuple[int, ...] = ()
    steps: int = 0

    def __hash__(self) -> int:
        return hash(self.draws)


@dataclass
class PctPolicy:
    """Chooses the highest priority. Before each step of `falls`, lowers the chosen one's."""

    item: PctItem
    _dropped: dict[str, int] = field(default_factory=dict)
    _due: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._due = list(range(len(self.item.falls)))

    def executed(self, item: WorkItem, trace: Trace) -> ExecutedSchedule:
        """Returns the item with its decisions."""
        return ExecutedSchedule(item, trace.decisions)

    def choose(self, enabled: Enabled, trace: Trace) -> str:
        """Chooses the enabled choice with the highest priority. All instances are called first."""
        if unstarted := first_unstarted(enabled, trace):
            return unstarted
        while True:
            chosen = max(enabled, key=self._priority)
            position = len(trace.decisions)
            fall = next((number for number in self._due if self.item.falls[number] == position), None)
            if fall is None:
                return chosen
            self._due.remove(fall)
            self._dropped[chosen] = fall

    def _priority(self, name: str) -> int:
        if name in self._dropped:
            return self._dropped[name]
        order = self.item.order
        return len(self.item.falls) + len(order) - order.index(instance_of(name))


class PctStrategy:
    """Draws a given number of schedules. The first one only measures the number of steps."""

    level: int | None = None
    exhaustive = False
    batch = 32
    explores_all_failures = False

    def __init__(
        self,
        instances: Sequence[str],
        count: int,
        depth: int,
        *,
        seed: int = 0,
        choices: Sequence[int] = (),
        apart: Apart | None = None,
    ) -> None:
        """Draws `count` schedules. `apart`: the statements that are taken apart."""
        self._instances = tuple(instances)
        self._count = count
        self._depth = depth
        self._apart = apart or {}
        self.inside = Inside(self._apart) if apart else None
        self._choices = choices
        """The number of values for each datum."""
        self._random = random.Random(seed)  # noqa: S311  (a sample, no secret)
        self._steps = 0
        self._taken = 0
        self._counted_executions = 0
        """How many executions were drawn for the actual number of steps."""

    @property
    def pending(self) -> int:
        """How many items are left."""
        return self._count - self._taken

    @property
    def assurance(self) -> Assurance:
        """The probability bound, for any one choice of the data."""
        in_one_run = 1 / (len(self._instances) * max(self._steps, 1) ** (self._depth - 1) * math.prod(self._choices))
        return Assurance(self._depth, 1 - (1 - in_one_run) ** self._counted_executions)

    def take(self, at_most: int) -> list[WorkItem]:
        """Draws the next items."""
        if self._taken == 0:
            self._taken = 1
            return [WorkItem(apart=self._apart)]
        items = [self.make_item(self._random.randrange, self._steps) for _ in range(min(at_most, self.pending))]
        self._taken += len(items)
        return list(items)

    def make_item(self, draw: Draw, steps: int) -> PctItem:
        """Makes an item from draws: the data, then the priorities, then the steps of `falls`."""
        draws: list[int] = []

        def number(below: int) -> int:
            if below == 1:  # nothing to choose, and Hypothesis does not count such draws
                return 0
            draws.append(draw(below))
            return draws[-1]

        data: Data = tuple(number(count) for count in self._choices)
        left = list(self._instances)
        order = [left.pop(number(len(left))) for _ in self._instances]
        falls = [steps - 1 - number(steps) for _ in range(self._depth - 1)]
        return PctItem(
            data=data, order=tuple(order), falls=tuple(falls), draws=tuple(draws), steps=steps, apart=self._apart
        )

    def observe(self, executed: ExecutedSchedule) -> None:
        """Updates the number of steps. Executions drawn for fewer do not count for the bound."""
        if len(executed.decisions) > self._steps:
            self._steps, self._counted_executions = len(executed.decisions), 0
        if isinstance(executed.item, PctItem):
            self._counted_executions += executed.item.steps == self._steps


Fails = Callable[[PctItem], Coroutine[None, None, bool]]
"""Executes an item, and returns whether it fails."""


class _Stopped(BaseException):
    """Stops shrinking. Not an Exception, which Hypothesis would treat as a failure."""


async def shrink(strategy: PctStrategy, failing: PctItem, fails: Fails) -> PctItem:
    """Returns the simplest failing item that Hypothesis finds, starting from a failing one."""
    loop = asyncio.get_running_loop()
    stopped = False

    def fails_too(item: PctItem) -> bool:
        if stopped:
            raise _Stopped
        return asyncio.run_coroutine_threadsafe(fails(item), loop).result()

    searching = asyncio.create_task(asyncio.to_thread(_smallest, strategy, failing, fails_too))
    try:
        return await asyncio.shield(searching)
    except asyncio.CancelledError:
        stopped = True
        await asyncio.gather(searching, return_exceptions=True)  # ends after the current execution
        raise


class _FoundError(Exception):
    """An execution fails."""


def _smallest(strategy: PctStrategy, failing: PctItem, fails: Callable[[PctItem], bool]) -> PctItem:
    # Half a second to import, and only a failing sample needs it.
    from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415
    from hypothesis.database import ExampleDatabase, choices_to_bytes  # noqa: PLC0415

    class Beginning(ExampleDatabase):
        """Provides the initial draws, as an example that is known not to be the smallest."""

        def fetch(self, key: bytes) -> Iterator[bytes]:
            if key.endswith(b".secondary"):
                yield choices_to_bytes(failing.draws)

        def save(self, key: bytes, value: bytes) -> None:
            pass

        def delete(self, key: bytes, value: bytes) -> None:
            pass

    @st.composite
    def runs(draw: st.DrawFn) -> PctItem:
        return strategy.make_item(lambda below: draw(st.integers(0, below - 1)), failing.steps)

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
    @seed(0)  # below `settings`, because it would remove their database
    @given(runs())
    def smaller(item: PctItem) -> None:
        nonlocal smallest
        if fails(item):
            smallest = item
            raise _FoundError

    with contextlib.suppress(_FoundError, unittest.SkipTest):  # SkipTest: no example to start from
        smaller()
    return smallest
