"""Every schedule by preemptions, on programs in memory: what is executed, and how often."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import pytest

from cronproof.explore.exhaustive import PreemptionBoundedStrategy
from cronproof.explore.schedule import count_preemptions
from tests.support.programs import READ, WRITE, Machine, explored, schedules


@pytest.mark.parametrize("lengths", [(1,), (1, 1), (2, 2), (3, 1), (1, 1, 1), (2, 1, 2)])
def test_every_schedule_is_run_once(lengths: Sequence[int]) -> None:
    machine = Machine([[READ] * length for length in lengths])

    runs, _ = explored(PreemptionBoundedStrategy(machine.names), machine)

    steps = [name for name, length in zip(machine.names, lengths, strict=True) for _ in range(length)]
    assert sorted(schedules(runs)) == sorted(set(itertools.permutations(steps)))
    assert len(runs) == math.factorial(sum(lengths)) // math.prod(map(math.factorial, lengths))


def test_fewest_preemptions_come_first() -> None:
    machine = Machine([[READ, READ], [WRITE, WRITE]])

    runs, _ = explored(PreemptionBoundedStrategy(machine.names), machine)

    counts = [count_preemptions(run.decisions) for run in runs]
    assert counts == sorted(counts)
    assert Counter(counts) == {0: 2, 1: 2, 2: 2}  # AABB, BBAA; ABBA, BAAB; ABAB, BABA


@pytest.mark.parametrize(("bound", "runs", "exhaustive"), [(0, 2, False), (1, 4, False), (2, 6, True), (3, 6, True)])
def test_a_bound_leaves_out_what_has_more(bound: int, runs: int, exhaustive: bool) -> None:
    machine = Machine([[READ, READ], [WRITE, WRITE]])
    search = PreemptionBoundedStrategy(machine.names, bound)

    assert (len(explored(search, machine)[0]), search.exhaustive) == (runs, exhaustive)
