"""The strategies on in-memory programs: what is executed, how often, and nothing missed."""

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

from cronproof.explore.dpor import DporStrategy
from cronproof.explore.executor import Environment, ExecutionSpec, Executor
from cronproof.explore.exhaustive import PreemptionBoundedStrategy
from cronproof.explore.explorer import policy_for
from cronproof.explore.fault_strategy import FaultStrategy
from cronproof.explore.policy import Policy
from cronproof.explore.schedule import ExecutedSchedule, count_preemptions
from cronproof.explore.strategy import Strategy
from cronproof.gate.fault import Faults
from cronproof.gate.footprint import NOTHING, Access, Footprint
from cronproof.gate.point import Point
from cronproof.gate.trace import Trace

Operation = tuple[Access, str]
Program = Sequence[Operation]


@dataclass
class Machine(Environment):
    """Programs over a few variables. A write stores all that was read. A lock waits."""

    programs: Sequence[Program]
    faults: Faults | None = None
    variables: dict[str, str] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    read: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, policy: Policy) -> tuple[Trace, str]:
        self.variables, self.holders = {}, {}
        self.read = {name: [] for name in self.names}
        self.released = {name: asyncio.Event() for name in self.names}
        self.executor = Executor(self, ExecutionSpec(faults=self.faults, observes=True))
        calls = {
            name: functools.partial(self.call, name, program)
            for name, program in zip(self.names, self.programs, strict=True)
        }
        self.executor.prepare(calls)
        trace = await self.executor.run(policy)
        return trace, repr((sorted(self.variables.items()), sorted(self.read.items())))

    @property
    def names(self) -> list[str]:
        return [chr(ord("A") + number) for number in range(len(self.programs))]

    async def kill(self, instance: str) -> None:
        self.calls[instance].cancel()

    async def call(self, name: str, program: Program) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.calls[name] = task
        for access, variable in program:
            release = await self.executor.arrive(name, Point("statement", f"{access} {variable}"))
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
            self.executor.record_footprint(Footprint({variable: access}))


def explored(search: Strategy, machine: Machine) -> tuple[list[ExecutedSchedule], list[str]]:
    async def main() -> tuple[list[ExecutedSchedule], list[str]]:
        runs, outcomes = [], []
        while items := search.take(search.batch):
            for item in items:
                policy = policy_for(item)
                trace, outcome = await machine.run(policy)
                executed = policy.executed(item, trace)
                search.observe(executed)
                runs.append(executed)
                outcomes.append(outcome)
        return runs, outcomes

    return asyncio.run(main())


def schedules(runs: Sequence[ExecutedSchedule]) -> list[tuple[str, ...]]:
    return [run.schedule for run in runs]


READ: Operation = ("read", "x")
WRITE: Operation = ("write", "x")


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


def test_instances_that_share_nothing_need_one_run() -> None:
    machine = Machine([[("write", "x")] * 3, [("write", "y")] * 3, [("read", "z")] * 3])

    runs, outcomes = explored(DporStrategy(), machine)

    assert (len(runs), len(outcomes)) == (1, 1)


def test_of_two_steps_that_conflict_both_orders_are_run_and_no_more() -> None:
    machine = Machine([[("read", "y"), WRITE, ("read", "z")], [("read", "z"), READ]])

    runs, outcomes = explored(DporStrategy(), machine)

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

    every, all_outcomes = explored(PreemptionBoundedStrategy(machine.names), machine)
    reduced, outcomes = explored(DporStrategy(), machine)

    assert set(outcomes) == set(all_outcomes)
    assert len(reduced) <= len(every)


FAULTS = st.builds(
    Faults, st.sets(st.sampled_from(["dies", "sql-error"]), min_size=1).map(frozenset), st.integers(1, 2)
)


@settings(max_examples=60, deadline=None)
@given(PROGRAMS.filter(lambda programs: sum(map(len, programs)) <= 5), FAULTS)
def test_reduction_misses_no_outcome_of_faults_either(programs: list[list[Operation]], faults: Faults) -> None:
    machine = Machine(programs, faults)

    every, all_outcomes = explored(PreemptionBoundedStrategy(machine.names), machine)
    reduced, outcomes = explored(DporStrategy(), machine)

    assert set(outcomes) == set(all_outcomes)
    assert len(reduced) <= len(every)
    assert len(set(schedules(every))) == len(every)


def test_each_fault_is_met_once_at_every_point_of_every_instance() -> None:
    machine = Machine([[READ, WRITE], [READ]], Faults(frozenset({"dies", "sql-error"})))

    runs, _ = explored(FaultStrategy(), machine)

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

    runs, _ = explored(FaultStrategy(), machine)

    met = [tuple("!" in choice for choice in schedule) for schedule in schedules(runs)]
    assert sorted(met) == sorted(flags for flags in itertools.product([False, True], repeat=3) if sum(flags) <= 2)


@settings(max_examples=60, deadline=None)
@given(PROGRAMS)
def test_reduction_runs_no_schedule_twice(programs: list[list[Operation]]) -> None:
    runs, _ = explored(DporStrategy(), Machine(programs))

    found = schedules(runs)
    assert len(set(found)) == len(found)


def test_what_touches_nothing_conflicts_with_nothing() -> None:
    assert not NOTHING.conflicts(Footprint(known=False))
