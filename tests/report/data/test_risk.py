"""The risk of a cron, by numbers."""

from pathlib import Path
from typing import Any

import pytest

from cronproof.domain.message import Message, SentMessage
from cronproof.engine.evaluate import CheckResult, evaluate
from cronproof.engine.results import Exploration, ScenarioResult
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Verdict
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from cronproof.report.data.risk import measure_risks
from cronproof.report.views import risk_table
from cronproof.report.views.table import cell
from cronproof.scenario.reader import ScenarioFile, Source
from cronproof.scenario.scenario import Scenario
from tests.support.reference import REPORTED_RISKS


def of_cron(run: Evidence | None = None, verdict: Verdict = "PASS", **when: Any) -> ScenarioResult:
    called = {"call": "ghl-followups", "instances": 2} | when
    then = [{"delivery": {"messages": [{"to": "contact1"}]}}]
    scenario = Scenario.model_validate({"title": "t", "why": "w", "test": "remaining", "when": called, "then": then})
    file = ScenarioFile(scenario, Source(Path("scenarios/8-remaining/some.yaml"), {}))
    played = Exploration(
        "all", 6, True, 1, 0, 0.1, anomalies={"duplicate": 4} if run is None and verdict == "FAIL" else {}
    )
    return ScenarioResult(
        file, [CheckResult("delivery", verdict, "why")], [] if run is None else [evaluate(scenario.checks, run)], played
    )


def with_fault(messages: int, *, fault: bool = True) -> Evidence:
    sent = [SentMessage("ghl-followups", Message("contact1", "Hi", 200, "1", service="ghl"))] * messages
    steps = [Step("A", Point("call", "ghl POST /x"), fault="dies" if fault else None)]
    return Evidence(order="x", key=f"{messages} {fault}", steps=steps, sent=sent)


BY_ORDER = of_cron(interleavings="all")


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([BY_ORDER, of_cron(with_fault(1), faults=["each"])], "**low**: nothing in 6 schedules and 1 faults"),
        ([BY_ORDER, of_cron(with_fault(2), faults=["each"])], "**medium**: duplicate in 1 of 1 faults, in no schedule without faults"),
        ([BY_ORDER, of_cron(with_fault(2, fault=False), faults=["each"])], "**high**: duplicate in 1 of 7 schedules"),
        ([of_cron(verdict="FAIL", interleavings="all")], "**high**: duplicate in 4 of 6 schedules"),
        ([BY_ORDER], "**not known**: either schedules or faults were not executed"),
        ([BY_ORDER, of_cron(with_fault(1), "INCONCLUSIVE", faults=["each"])], "**not known**: delivery: why"),
    ],
)  # fmt: skip
def test_the_risk_of_a_cron_has_its_numbers_and_is_not_low_for_want_of_them(
    results: list[ScenarioResult], verdict: str
) -> None:
    (row,) = risk_table.make_rows(measure_risks(results, REPORTED_RISKS), REPORTED_RISKS)

    assert (row[0], cell(row[-1])) == ("ghl-followups", verdict)
