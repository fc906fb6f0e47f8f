"""What a trace says of its steps."""

from cronproof.gate.footprint import NOTHING
from cronproof.gate.point import Point
from cronproof.gate.trace import Decision, Step, Trace, channel_name, find_injected_faults

COMMIT = Point("statement", "commit")


def test_an_injected_fault_names_its_point_and_how_often_it_came_before() -> None:
    steps = [Step("A", COMMIT), Step("B", COMMIT), Step("A", COMMIT, fault="dies")]

    (fault,) = find_injected_faults(steps)

    assert (str(fault), fault.step) == ("dies at A: commit (2)", 2)
    assert find_injected_faults(steps[:2]) == []


def test_a_channel_is_named_after_its_instance() -> None:
    assert (channel_name("A", 1), channel_name("A", 2)) == ("A", "A.2")


def test_the_running_channel_is_that_of_the_last_decision() -> None:
    trace = Trace(steps=[Step("A", COMMIT, fault="dies")])
    assert (trace.running, trace.faults) == (None, 1)

    trace.decisions.append(Decision(("A", "A!dies"), "A!dies", NOTHING))
    assert trace.running == "A"
