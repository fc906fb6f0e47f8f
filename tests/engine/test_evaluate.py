"""Evaluating the checks: on the evidence of each execution, then on all of it together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cronproof.checks.egress import Egress
from cronproof.checks.no_loss import NoLoss
from cronproof.checks.status import Status
from cronproof.domain.instance import CronResponse
from cronproof.domain.message import BlockedCall
from cronproof.engine.evaluate import ExecutionSummary, FindingCollector, evaluate
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, Verdict
from cronproof.explore.named_orders import ROWS_LOCKED
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from cronproof.scenario.scenario import Scenario
from tests.support.evidence import ADA, ALL_SET, BEN, RUN, run, sent

OK = Status.model_validate(200)
LOST = NoLoss(units=[32, 34])
FAULT = Step("A", Point("call", "POST openphone /v1/messages"), fault="timeout-before")


def scenario(**when: Any) -> Scenario:
    called = {"call": "post-job-followup", "instances": 2} | when
    text = {"title": "t", "why": "w", "test": "race", "when": called, "then": ["exclusive", "egress"]}
    return Scenario.model_validate(text)


def collected(
    *verdicts: Verdict, of: Scenario | None = None, order: str = "one-after-the-other", steps: Sequence[Step] = ()
) -> FindingCollector:
    collector = FindingCollector(of or scenario())
    for number, verdict in enumerate(verdicts):
        finding = Finding(verdict, f"{verdict} {number}")
        collector.add(Evidence(order=order, findings=[finding, Finding("PASS", "fine")], steps=steps))
    return collector


def test_findings_are_in_the_order_of_the_checks() -> None:
    assert [finding.verdict for finding in evaluate([LOST, OK], run(after=ALL_SET)).findings] == ["FAIL", "PASS"]


def test_an_execution_that_was_cut_short_proves_nothing() -> None:
    findings = evaluate([LOST, OK], run(after=ALL_SET, inconclusive_reason="A hangs")).findings

    assert findings == [Finding("INCONCLUSIVE", "A hangs")] * 2


def test_a_refused_host_fails_egress_alone() -> None:
    refused = run(after=ALL_SET, blocked_calls=[BlockedCall("A", "https://statistics.example.com/cron")])

    lost, egress = evaluate([LOST, Egress()], refused).findings

    assert lost == Finding("INCONCLUSIVE", "A called statistics.example.com, which was refused")
    assert egress.verdict == "FAIL"


def test_crons_that_fail_before_they_do_anything_show_nothing_unless_that_is_expected() -> None:
    start = [Step(name, Point("start")) for name in "AB"]
    crashed = run(steps=start, sent=[], responses=[CronResponse(name, 1, "", is_exit=True) for name in "AB"])
    one_ran = replace(crashed, responses=[crashed.responses[0], CronResponse("B", 0, "", is_exit=True)])
    began = replace(crashed, steps=[*start, Step("A", Point("statement", "select 1"))])

    (lost,) = evaluate([LOST], crashed).findings
    assert (lost.verdict, lost.message.partition(" before")[0]) == (
        "INCONCLUSIVE",
        "A ended with status 1 and B ended with status 1",
    )
    for other in (one_ran, began):
        assert evaluate([LOST], other).findings[0].verdict == "FAIL"
    assert [one.verdict for one in evaluate([LOST, Status.model_validate(1)], crashed).findings] == ["FAIL", "PASS"]


def test_without_rest_only_what_cannot_be_undone_has_failed() -> None:
    restless = run(after=ALL_SET, did_not_settle="it goes on")
    wrong = Status.model_validate(500)

    assert [finding.verdict for finding in evaluate([LOST, OK, wrong], restless).findings] == [
        "INCONCLUSIVE",
        "INCONCLUSIVE",
        "FAIL",
    ]


def test_message_outcomes_are_kept_of_executions_with_faults() -> None:
    assert evaluate([OK], RUN).message_outcomes == ()
    assert [one.about for one in evaluate([OK], run(steps=[FAULT])).message_outcomes] == ["job 32", "job 34"]
    doubtful = evaluate([OK], run(steps=[FAULT], inconclusive_reason="A hangs")).message_outcomes
    assert [one.doubt for one in doubtful] == ["A hangs", "A hangs"]


def test_a_summary_has_failed_if_a_check_has() -> None:
    summaries = [ExecutionSummary.from_evidence(evaluate([check], run(after=ALL_SET)), "key") for check in (LOST, OK)]

    assert [summary.failed for summary in summaries] == [True, False]
    assert summaries[0].outcome == summaries[1].outcome


@pytest.mark.parametrize(
    ("verdicts", "verdict", "message"),
    [
        (["PASS", "PASS"], "PASS", "PASS 0"),
        (["PASS", "FAIL", "FAIL"], "FAIL", "FAIL 1"),
        (["INCONCLUSIVE", "FAIL"], "FAIL", "FAIL 1"),
        (["PASS", "INCONCLUSIVE"], "INCONCLUSIVE", "INCONCLUSIVE 1"),
    ],
)
def test_the_worst_finding_counts_and_the_first_of_its_kind(
    verdicts: list[Verdict], verdict: Verdict, message: str
) -> None:
    result, other = collected(*verdicts).results()

    assert (result.verdict, result.message, other.verdict) == (verdict, message, "PASS")


def test_where_executions_differ_one_may_have_nothing_to_check() -> None:
    faulty = scenario(faults="each")

    assert collected("INCONCLUSIVE", "PASS", of=faulty, steps=[FAULT]).results()[0].verdict == "PASS"
    assert collected("INCONCLUSIVE", "INCONCLUSIVE", of=faulty).results()[0].verdict == "INCONCLUSIVE"
    assert collected("INCONCLUSIVE", order=ROWS_LOCKED).results()[0].verdict == "INCONCLUSIVE"


def test_a_refused_host_counts_although_another_execution_passes() -> None:
    faulty = FindingCollector(scenario(faults="each"))
    for blocked in ([], [BlockedCall("A", "https://errors.example.com")]):
        faulty.add(
            evaluate(
                [LOST, Egress()], run(after=ALL_SET, sent=[sent(ADA), sent(BEN)], steps=[FAULT], blocked_calls=blocked)
            )
        )

    assert [result.verdict for result in faulty.results()] == ["INCONCLUSIVE", "FAIL"]


def test_a_failure_names_its_order_and_a_pass_of_several_none() -> None:
    assert [result.order for result in collected("PASS", "FAIL").results()] == ["one-after-the-other", None]


def test_what_was_stopped_passes_nothing_but_fails_what_failed() -> None:
    collector = collected("FAIL")
    collector.stop("the budget ended")

    assert [(result.verdict, result.message) for result in collector.results()] == [
        ("FAIL", "FAIL 0"),
        ("INCONCLUSIVE", "the budget ended"),
    ]


def test_without_an_execution_nothing_is_proven() -> None:
    assert [result.message for result in FindingCollector(scenario()).results()] == ["nothing was run"] * 2


def test_evidence_of_a_confirmation_comes_first() -> None:
    collector = collected("FAIL")
    collector.add(Evidence(order="A B", findings=[Finding("FAIL", "confirmed"), Finding("PASS", "")]), first=True)

    assert (collector.results()[0].message, collector.evidence[0].order) == ("confirmed", "A B")
