"""Counting and abbreviating schedules."""

from cronproof.explore.schedule import abbreviate, count_faults, count_preemptions, count_switches, may_conflict
from cronproof.gate.footprint import NOTHING, Footprint
from cronproof.gate.trace import Decision


def decided(*decisions: tuple[str, str]) -> list[Decision]:
    return [Decision(tuple(enabled.split()), chosen, NOTHING) for enabled, chosen in decisions]


def test_a_preemption_leaves_a_channel_that_could_go_on() -> None:
    assert count_preemptions(decided(("A B", "A"), ("A B", "B"), ("A", "A"))) == 1
    assert count_preemptions(decided(("A B", "A"), ("B", "B"))) == 0


def test_switches_faults_and_the_short_form() -> None:
    schedule = ["A", "A", "B", "A!dies", "A"]

    assert (count_switches(schedule), count_faults(schedule)) == (2, 1)
    assert abbreviate(schedule) == "A2 B1 A!dies1 A1"


def test_steps_conflict_if_they_touch_the_same_or_are_of_one_instance() -> None:
    reads, writes = Footprint({"jobs": "read"}), Footprint({"jobs": "write"})

    assert may_conflict("A", reads, "B", writes)
    assert not may_conflict("A", reads, "B", reads)
    assert may_conflict("A", NOTHING, "A.2", NOTHING)
