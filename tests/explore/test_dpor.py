"""The reduction, on programs in memory: nothing is missed, and nothing executed twice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cronproof.explore.dpor import DporStrategy
from cronproof.explore.exhaustive import PreemptionBoundedStrategy
from cronproof.gate.fault import Faults
from cronproof.gate.footprint import NOTHING, Footprint
from tests.support.programs import READ, WRITE, Machine, Operation, explored, schedules


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


@settings(max_examples=60, deadline=None)
@given(PROGRAMS)
def test_reduction_runs_no_schedule_twice(programs: list[list[Operation]]) -> None:
    runs, _ = explored(DporStrategy(), Machine(programs))

    found = schedules(runs)
    assert len(set(found)) == len(found)


def test_what_touches_nothing_conflicts_with_nothing() -> None:
    assert not NOTHING.conflicts(Footprint(known=False))
