"""What a scenario asks for and nobody has met."""

from typing import Any

import pytest

from cronproof.engine.evaluate import FindingCollector
from cronproof.engine.unmet import Met
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding
from cronproof.explore.explorer import Coverage
from cronproof.gate.fault import FaultName
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from cronproof.scenario.scenario import Scenario


def scenario(*, refuses: list[dict[str, Any]] | None = None, **when: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "t",
            "why": "w",
            "test": "race",
            "given": {"services": {"openphone": {"refuses": refuses or []}}},
            "when": {"call": "post-job-followup", "instances": 2} | when,
            "then": ["egress"],
        }
    )


def evidence(schedule: str, *, fault: FaultName | None = None, refusals: tuple[int, ...] = ()) -> Evidence:
    steps = [Step(name, Point("call", "openphone POST /v1/messages")) for name in schedule.split()]
    faulty = [Step("A", Point("call", "openphone POST /v1/messages"), fault=fault)] if fault else []
    return Evidence(order="", steps=[Step("B", Point("start")), *steps, *faulty], met_refusals=refusals)


def unmet(of: Scenario, *executions: Evidence, explored: Coverage | None = None) -> str | None:
    met = Met()
    for execution in executions:
        met.add(execution)
    if explored is not None:
        met.add_exploration(explored)
    return met.find_unmet(of)


def test_each_refusal_has_to_be_met_by_a_message() -> None:
    asked = scenario(refuses=[{"error": "invalid-request"}, {"error": "bad-gateway"}])

    assert unmet(asked, evidence("A B", refusals=(0, 1))) is None
    reason = unmet(asked, evidence("A B", refusals=(0,)))
    assert reason == "no message met the refusal bad-gateway: an earlier one answers it, or none was sent"


def test_each_named_fault_has_to_happen_and_any_if_none_is_named() -> None:
    named, each = scenario(faults=["dies", "sql-error"]), scenario(faults="each")

    assert unmet(named, evidence("A B", fault="dies"), explored=Coverage("faults", faults={"sql-error"})) is None
    reason = unmet(named, evidence("A B", fault="dies"))
    assert reason == "the fault sql-error could not happen: no instance does anything that it could befall"
    assert unmet(each, evidence("A B", fault="dies")) is None
    assert unmet(each, evidence("A B")) == "no fault could happen: the instances do nothing that one could befall"


NEVER = "the instances never overlapped: none did anything between two steps of another"


@pytest.mark.parametrize("order", ["step-by-step", "held-before-send"])
def test_orders_of_several_at_once_have_to_overlap(order: str) -> None:
    assert unmet(scenario(orders=[order]), evidence("A A B B")) == NEVER
    assert unmet(scenario(orders=[order]), evidence("A A B B"), evidence("A B A")) is None
    assert unmet(scenario(orders=["one-after-the-other", "rows-locked"]), evidence("A A B B")) is None
    assert unmet(scenario(orders=[order], instances=None), evidence("A A")) is None


def test_schedules_have_to_overlap_unless_it_is_known_that_they_need_not() -> None:
    drawn = scenario(interleavings={"sample": 5})

    assert unmet(drawn, explored=Coverage("sample:5:3")) == NEVER
    assert unmet(drawn, explored=Coverage("sample:5:3", overlapped=True)) is None
    assert unmet(scenario(interleavings="all"), explored=Coverage("all", exhausted=True)) is None


def test_what_nobody_has_met_makes_a_pass_inconclusive_and_leaves_a_failure() -> None:
    asked = scenario(refuses=[{"error": "bad-gateway"}])
    fails, passes = FindingCollector(asked), FindingCollector(asked)
    fails.add(Evidence(order="", findings=[Finding("FAIL", "wrong")]))
    passes.add(Evidence(order="", findings=[Finding("PASS", "fine")]))

    assert [collector.results()[0].verdict for collector in (fails, passes)] == ["FAIL", "INCONCLUSIVE"]
