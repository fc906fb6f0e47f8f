"""Replaying a schedule, and what follows it."""

import pytest

from cronproof.explore.policy import Diverged, SchedulePolicy, without_preemption
from cronproof.gate.footprint import NOTHING, Footprint
from cronproof.gate.point import Point
from cronproof.gate.trace import Decision, Trace

POINT = Point("statement", "select 1")
BOTH = {"A": POINT, "B": POINT}


def started(*chosen: str) -> Trace:
    decisions = [Decision(("A", "B"), one, NOTHING) for one in chosen]
    return Trace(instances=["A", "B"], started={"A", "B"}, decisions=decisions)


def test_all_instances_are_called_before_the_schedule_begins() -> None:
    policy = SchedulePolicy(("B",))

    assert policy.choose(BOTH, Trace(instances=["A", "B"])) == "A"
    assert policy.choose(BOTH, Trace(instances=["A", "B"], started={"A"})) == "B"
    assert policy.choose(BOTH, started()) == "B"


def test_after_the_schedule_nobody_is_preempted_and_no_fault_is_chosen() -> None:
    policy = SchedulePolicy(("B",))

    assert policy.choose(BOTH, started()) == "B"
    assert policy.choose({"A": POINT, "B": POINT, "A!dies": POINT}, started("B")) == "B"


def test_a_choice_that_is_not_enabled_diverges() -> None:
    with pytest.raises(Diverged, match="^step 1 should be one of B, but only A can go on"):
        SchedulePolicy(("B",)).choose({"A": POINT}, started())


def test_a_sleeping_choice_is_left_asleep_until_a_conflict_wakes_it() -> None:
    asleep = {"A": Footprint({"jobs": "read"})}

    assert SchedulePolicy((), asleep).choose(BOTH, started()) == "B"
    policy = SchedulePolicy(("B",), asleep)
    policy.choose(BOTH, started())
    woken = Trace(
        instances=["A", "B"],
        started={"A", "B"},
        decisions=[Decision(("A", "B"), "B", Footprint({"jobs": "write"}))],
    )
    assert policy.choose({"A": POINT}, woken) == "A"


def test_slow_channels_come_last() -> None:
    assert without_preemption(["A", "B"], "A", {"A"}) == "B"
    assert without_preemption(["A", "B"], "B", ()) == "B"
    assert without_preemption(["A"], None, {"A"}) == "A"


def test_instances_that_run_last_go_on_when_no_other_one_can() -> None:
    policy = SchedulePolicy(last=("A",))

    assert policy.choose(BOTH, started()) == "B"
    assert SchedulePolicy(last=("A",)).choose({"A": POINT}, started()) == "A"
