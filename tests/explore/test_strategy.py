"""The strategies on programs that are played in memory: what is run, how often, and that nothing is missed."""

from __future__ import annotations

import asyncio
import functools
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronproof.explore.dpor import Reduced
from cronproof.explore.executor import Scheduler
from cronproof.explore.schedule import Follow, preemptions
from cronproof.explore.strategy import ByFaults, ByPreemptions, Search
from cronproof.gate.fault import Faults
from cronproof.gate.footprint import NOTHING, Access, Footprint
from cronproof.gate.point import Point

Operation = tuple[Access, str]
Program = Sequence[Operation]


@dataclass
class Machine:
    """Programs over a few variables. A write makes a variable what the program has read so far; a lock waits."""

    programs: Sequence[Program]
    faults: Faults | None = None
    variables: dict[str, str] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    read: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, follow: Follow) -> str:
        self.variables, self.holders = {}, {}
        self.read = {name: [] for name in self.names}
        self.released = {name: asyncio.Event() for name in self.names}
        self.scheduler = Scheduler(self.blockers, self.kill, self.faults)
        calls = {
            name: functools.partial(self.call, name, program)
            for name, program in zip(self.names, self.programs, strict=True)
        }
        self.scheduler.prepare(calls)
        await follow(self.scheduler)
        return repr((sorted(self.variables.items()), sorted(self.read.items())))

    @property
    def names(self) -> list[str]:
        return [chr(ord("A") + number) for number in range(len(self.programs))]

    async def blockers(self, _: str) -> Sequence[str]:
        return []

    async def kill(self, name: str) -> None:
        self.calls[name].cancel()

    async def call(self, name: str, program: Program) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.calls[name] = task
        for access, variable in program:
            release = await self.scheduler.arrive(name, Point("statement", f"{access} {variable}"))
            if release.fault is not None:
                self.read[name].append(release.fault)
                continue
            match access:
                case "read":
                    self.read[name].append(self.variables.get(variable, ""))
                case "write":
                    self.variables[variable] = f"{name}({','.join(self.read[name])})"
                case "lock":
                    self.holders[variable] = name
            self.scheduler.touched(Footprint({variable: access}))


def explored(search: Search, machine: Machine) -> tuple[list[Follow], list[str]]:
    async def main() -> tuple[list[Follow], list[str]]:
        runs, outcomes = [], []
        while tasks := search.take(search.batch):
            for task in tasks:
                follow = task.follow()
                outcome = await machine.run(follow)
                search.ran(task, follow)
                runs.append(follow)
                outcomes.append(outcome)
        return runs, outcomes

    return asyncio.run(main())


def schedules(runs: Sequence[Follow]) -> list[tuple[str, ...]]:
    return [tuple(decision.chosen for decision in run.decisions) for run in runs]


READ: Operation = ("read", "x")
WRITE: Operation = ("write", "x")


@pytest.mark.parametrize("lengths", [(1,), (1, 1), (2, 2), (3, 1), (1, 1, 1), (2, 1, 2)])
def test_every_schedule_is_run_once(lengths: Sequence[int]) -> None:
    machine = Machine([[READ] * length for length in lengths])

    runs, _ = explored(ByPreemptions(machine.names), machine)

    steps = [name for name, length in zip(machine.names, lengths, strict=True) for _ in range(length)]
    assert sorted(schedules(runs)) == sorted(set(itertools.permutations(steps)))
    assert len(runs) == math.factorial(sum(lengths)) // math.prod(map(math.factorial, lengths))


def test_fewest_preemptions_come_first() -> None:
    machine = Machine([[READ, READ], [WRITE, WRITE]])

    runs, _ = explored(ByPreemptions(machine.names), machine)

    counts = [preemptions(run.decisions) for run in runs]
    assert counts == sorted(counts)
    assert Counter(counts) == {0: 2, 1: 2, 2: 2}  # AABB, BBAA; ABBA, BAAB; ABAB, BABA


@pytest.mark.parametrize(("bound", "runs", "exhaustive"), [(0, 2, False), (1, 4, False), (2, 6, True), (3, 6, True)])
def test_a_bound_leaves_out_what_has_more(bound: int, runs: int, exhaustive: bool) -> None:
    machine = Machine([[READ, READ], [WRITE, WRITE]])
    search = ByPreemptions(machine.names, bound)

    assert (len(explored(search, machine)[0]), search.exhaustive) == (runs, exhaustive)


def test_instances_that_share_nothing_need_one_run() -> None:
    machine = Machine([[("write", "x")] * 3, [("write", "y")] * 3, [("read", "z")] * 3])

    runs, outcomes = explored(Reduced(), machine)

    assert (len(runs), len(outcomes)) == (1, 1)


def test_of_two_steps_that_conflict_both_orders_are_run_and_no_more() -> None:
    machine = Machine([[("read", "y"), WRITE, ("read", "z")], [("read", "z"), READ]])

    runs, outcomes = explored(Reduced(), machine)

    assert len(runs) == len(set(outcomes)) == 2


PROGRAMS = st.lists(
    st.lists(st.tuples(st.sampled_from(["read", "lock", "write"]), st.sampled_from("xy")), max_size=4),
    min_size=2,
    max_size=3,
).filter(lambda programs: sum(map(len, programs)) <= 8)


@settings(max_examples=60, deadline=None)
@given(PROGRAMS)
def test_reduction_never_changes_the_set_of_outcomes(programs: list[list[Operation]]) -> None:
    machine = Machine(programs)

    every, all_outcomes = explored(ByPreemptions(machine.names), machine)
    reduced, outcomes = explored(Reduced(), machine)

    assert set(outcomes) == set(all_outcomes)
    assert len(reduced) <= len(every)


FAULTS = st.builds(
    Faults, st.sets(st.sampled_from(["dies", "sql-error"]), min_size=1).map(frozenset), st.integers(1, 2)
)


@settings(max_examples=60, deadline=None)
@given(PROGRAMS.filter(lambda programs: sum(map(len, programs)) <= 5), FAULTS)
def test_reduction_misses_no_outcome_of_faults_either(programs: list[list[Operation]], faults: Faults) -> None:
    machine = Machine(programs, faults)

    every, all_outcomes = explored(ByPreemptions(machine.names), machine)
    reduced, outcomes = explored(Reduced(), machine)

    assert set(outcomes) == set(all_outcomes)
    assert len(reduced) <= len(every)
    assert len(set(schedules(every))) == len(every)


def test_each_fault_is_met_once_at_every_point_of_every_instance() -> None:
    machine = Machine([[READ, WRITE], [READ]], Faults(frozenset({"dies", "sql-error"})))

    runs, _ = explored(ByFaults(), machine)

    assert schedules(runs) == [
        ("A", "A", "B"),
        ("A!sql-error", "A", "B"),
        ("A!dies", "B"),
        ("A", "A!sql-error", "B"),
        ("A", "A!dies", "B"),
        ("A", "A", "B!sql-error"),
        ("A", "A", "B!dies"),
    ]


def test_two_faults_are_met_in_every_pair() -> None:
    machine = Machine([[READ, WRITE], [READ]], Faults(frozenset({"sql-error"}), at_most=2))

    runs, _ = explored(ByFaults(), machine)

    met = [tuple("!" in choice for choice in schedule) for schedule in schedules(runs)]
    assert sorted(met) == sorted(flags for flags in itertools.product([False, True], repeat=3) if sum(flags) <= 2)


@settings(max_examples=60, deadline=None)
@given(PROGRAMS)
def test_reduction_runs_no_schedule_twice(programs: list[list[Operation]]) -> None:
    runs, _ = explored(Reduced(), Machine(programs))

    found = schedules(runs)
    assert len(set(found)) == len(found)


def test_what_touches_nothing_conflicts_with_nothing() -> None:
    assert not NOTHING.conflicts(Footprint(known=False))
