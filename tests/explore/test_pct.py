"""Sampling with PCT: the draws, the probability bound, and shrinking a failure."""

import asyncio
import itertools
import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronproof.explore.pct import Draw, PctItem, PctPolicy, PctStrategy, shrink
from cronproof.gate.footprint import NOTHING
from cronproof.gate.point import Point
from cronproof.gate.trace import Decision, Trace
from tests.support.programs import READ, WRITE, Machine, explored, schedules

LENGTHS = st.sampled_from([(1, 1), (2, 1), (2, 2), (3, 2), (1, 1, 1), (2, 2, 1)])
Event = tuple[int, int]
"""The numbers of an instance and of its step, both from 0."""


def played(drawn: PctItem, lengths: Sequence[int]) -> list[Event]:
    """The steps in the order of the execution. No instance ever waits."""
    policy, taken, trace = PctPolicy(drawn), [0] * len(lengths), Trace()
    events: list[Event] = []
    names = [chr(ord("A") + number) for number in range(len(lengths))]
    while enabled := [name for name, done, length in zip(names, taken, lengths, strict=True) if done < length]:
        number = names.index(policy.choose(dict.fromkeys(enabled, Point("statement")), trace))
        trace.decisions.append(Decision(tuple(enabled), names[number], NOTHING))
        events.append((number, taken[number]))
        taken[number] += 1
    return events


def every_draw(sample: PctStrategy, steps: int) -> Iterator[PctItem]:
    """Every possible draw, with duplicates."""
    limits: list[int] = []

    def lowest(below: int) -> int:
        limits.append(below)
        return 0

    def given(values: Iterator[int]) -> Draw:
        return lambda _: next(values)

    sample.make_item(lowest, steps)
    for draws in itertools.product(*map(range, limits)):
        yield sample.make_item(given(iter(draws)), steps)


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, depth=st.integers(1, 3), data=st.data())
def test_the_bound_holds_for_every_failure_of_its_depth(
    lengths: Sequence[int], depth: int, data: st.DataObject
) -> None:
    steps, instances = sum(lengths), "ABC"[: len(lengths)]
    runs = [played(drawn, lengths) for drawn in every_draw(PctStrategy(instances, 1, depth), steps)]
    ways = set(itertools.permutations([number for number, length in enumerate(lengths) for _ in range(length)]))
    orders = [[(number, way[:at].count(number)) for at, number in enumerate(way)] for way in sorted(ways)]
    # Pairs that some schedule orders so: those of one schedule.
    positions = st.lists(st.integers(0, steps - 1), min_size=2, max_size=2, unique=True).map(sorted)
    order = data.draw(st.sampled_from(orders))
    drawn_pairs = data.draw(st.lists(positions, min_size=depth, max_size=depth))
    pairs = [(order[first], order[second]) for first, second in drawn_pairs]

    def fails(order: Sequence[Event]) -> bool:
        return all(order.index(before) < order.index(after) for before, after in pairs)

    assert any(map(fails, orders))
    share = sum(map(fails, runs)) / len(runs)
    assert share >= 1 / (len(lengths) * steps ** (depth - 1))


def test_as_many_are_run_as_asked_for_and_the_seed_decides_which() -> None:
    machine = Machine([[READ, WRITE]] * 3)

    def of_seed(seed: int) -> list[tuple[str, ...]]:
        return schedules(explored(PctStrategy(machine.names, 40, 3, seed=seed), machine)[0])

    assert len(of_seed(1)) == 40
    assert of_seed(1) == of_seed(1) != of_seed(2)
    assert len(set(of_seed(1))) > 10


def test_what_was_drawn_before_the_number_of_steps_was_known_does_not_count() -> None:
    machine = Machine([[READ, WRITE]] * 2)
    sample = PctStrategy(machine.names, 11, 2)

    explored(sample, machine)

    assert sample.pending == 0
    assert sample.assurance.depth == 2
    assert sample.assurance.probability == pytest.approx(1 - (1 - 1 / (2 * 4)) ** 10)


def test_values_to_choose_make_the_bound_smaller() -> None:
    machine = Machine([[READ, WRITE]] * 2)
    sample = PctStrategy(machine.names, 11, 2, choices=[3, 2])

    explored(sample, machine)

    assert sample.assurance.probability == pytest.approx(1 - (1 - 1 / (2 * 4 * 3 * 2)) ** 10)


def shrunk_from(failing: PctItem, sample: PctStrategy, names: Sequence[str]) -> PctItem:
    async def fails(drawn: PctItem) -> bool:
        return drawn.data[0] >= 2 and drawn.order[0] in names and len(set(drawn.falls)) == 2

    return asyncio.run(shrink(sample, failing, fails))


def test_data_and_schedule_are_shrunk_together() -> None:
    sample = PctStrategy("ABC", 1, 3, choices=[5, 4])
    draws = iter([4, 3, 2, 0, 9, 1])
    failing = sample.make_item(lambda _: next(draws), 12)
    assert (failing.data, failing.order, failing.falls) == ((4, 3), ("C", "A", "B"), (2, 10))

    smallest = shrunk_from(failing, sample, "BC")

    assert (smallest.data, smallest.order) == ((2, 0), ("B", "A", "C"))
    assert sorted(smallest.falls) == [10, 11]  # as late as two falls can be


def test_an_interrupt_ends_the_shrinking() -> None:
    sample = PctStrategy("AB", 1, 2, choices=[math.factorial(9)])
    failing = sample.make_item(lambda below: below - 1, 12)
    runs: list[PctItem] = []

    async def main() -> None:
        async def fails(drawn: PctItem) -> bool:
            runs.append(drawn)
            if len(runs) == 3:
                task.cancel()
            return True

        task = asyncio.create_task(shrink(sample, failing, fails))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert len(runs) == 3
