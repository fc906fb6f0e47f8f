"""delivery, on evidence made by hand: how often a message is accepted, and known limits."""

from dataclasses import replace
from typing import Any

import pytest

from cronproof.checks.delivery import Delivery
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding
from cronproof.evidence.message_outcomes import find_message_outcomes
from cronproof.gate.fault import FaultName
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from tests.support.evidence import ADA, SET, after, job, run, sent

CALL = "openphone POST /v1/messages"
BEFORE = [Step("A", Point("statement", "commit")), Step("A", Point("statement", "commit"))]


def met(fault: FaultName, at: str = CALL, **changes: Any) -> Evidence:
    point = Point("call" if at == CALL else "statement", at)
    steps = [*BEFORE, Step("A", point, fault=fault)]
    return run(**{"target": "reference", "steps": steps, "before": after(job(32, ADA))} | changes)


TWICE: dict[str, Any] = {"sent": [sent(ADA), sent(ADA, recovering=True)]}
NEVER: dict[str, Any] = {"sent": [], "after": after(job(32, ADA, followup_sent_at=SET))}
KNOWN: dict[str, Any] = {"fault": "timeout-after", "outcome": "twice", "reason": "no key"}
DELIVERY = Delivery(units=[32])
LIMITED = Delivery.model_validate({"units": [32], "known": [KNOWN]})
AT_CALL = Delivery.model_validate({"units": [32], "known": [KNOWN | {"at": f"A: call {CALL}"}]})
ALWAYS = Delivery.model_validate({"units": [32], "known": [{"outcome": "never", "reason": "poison"}]})
AT_COMMIT = Delivery.model_validate(
    {"units": [32], "known": [{"outcome": "never", "reason": "poison", "at": "A: commit (3)"}]}
)
ELSEWHERE = Delivery.model_validate({"units": [32], "known": [KNOWN | {"targets": ["node-pg"]}]})

NOT_ONCE = "its message was accepted twice, not exactly once"


@pytest.mark.parametrize(
    ("check", "seen", "verdict", "message"),
    [
        (DELIVERY, met("dies"), "PASS", "exactly once"),
        (DELIVERY, met("timeout-after", **TWICE), "FAIL", f"job 32, timeout-after at A: call {CALL}: {NOT_ONCE}"),
        (DELIVERY, met("dies", "commit", **NEVER), "FAIL", "dies at A: commit (3): its message was never"),
        (DELIVERY, run(before=after(job(32, ADA)), **NEVER), "FAIL", "job 32: its message was never accepted"),
        (Delivery(units=[32], expected="at most once"), met("dies", **NEVER), "PASS", "at most once"),
        (Delivery(units=[32], expected="at most once"), met("dies", **TWICE), "FAIL", "accepted twice, not at most once"),
        (Delivery(units=[32], expected="at least once"), met("dies", **TWICE), "PASS", "at least once"),
        (Delivery(units=[32], expected="at least once"), met("dies", **NEVER), "FAIL", "never accepted, not at least once"),
        (LIMITED, met("timeout-after", **TWICE), "PASS", "accepted twice, as is known"),
        (LIMITED, met("timeout-after"), "PASS", "exactly once"),  # a limit need not show at every point
        (LIMITED, met("reset-after", **TWICE), "FAIL", NOT_ONCE),
        (LIMITED, met("timeout-after", **NEVER), "FAIL", "never accepted, not exactly once"),
        (AT_CALL, met("timeout-after", **TWICE), "PASS", "accepted twice, as is known"),
        (AT_CALL, met("timeout-after"), "PASS", "exactly once"),
        (AT_CALL, met("timeout-after", "commit", **TWICE), "FAIL", NOT_ONCE),
        (ALWAYS, met("dies", **NEVER), "PASS", "its message was never accepted, as is known"),
        (ALWAYS, run(before=after(job(32, ADA))), "PASS", "exactly once"),
        (AT_COMMIT, met("dies", "commit", **NEVER), "PASS", "never accepted, as is known"),
        (AT_COMMIT, run(before=after(job(32, ADA)), **NEVER), "FAIL", "job 32: its message was never accepted"),
        (ELSEWHERE, met("timeout-after", **TWICE), "FAIL", NOT_ONCE),
    ],
)  # fmt: skip
def test_what_is_found(check: Delivery, seen: Evidence, verdict: str, message: str) -> None:
    finding = check.examine(seen)

    assert (finding.verdict, message in finding.message) == (verdict, True), finding


@pytest.mark.parametrize(
    ("check", "seen", "finding"),
    [
        (DELIVERY, [run(), met("dies")], Finding("PASS", "exactly once under 1 faults")),
        (LIMITED, [met("timeout-after"), met("timeout-after", **TWICE)], Finding("PASS", "exactly once under 2 faults, 1 known limits apart")),
        (LIMITED, [met("timeout-after")], Finding("FAIL", "a known limit no longer shows, remove it: timeout-after: twice")),
        (AT_CALL, [met("dies")], Finding("FAIL", f"a known limit no longer shows, remove it: timeout-after at A: call {CALL}: twice")),
        (ELSEWHERE, [met("timeout-after")], Finding("PASS", "exactly once under 1 faults")),
    ],
)  # fmt: skip
def test_what_all_runs_show_together(check: Delivery, seen: list[Evidence], finding: Finding) -> None:
    assert check.conclude(seen, []) == finding


@pytest.mark.parametrize(
    ("seen", "delivered", "row"),
    [
        (met("dies"), "once", "claimed"),
        (met("dies", **NEVER), "never", "stuck"),
        (met("dies", sent=[], after=after(job(32, ADA))), "never", "free"),
        (met("dies", after=after(job(32, ADA))), "once", "free"),
        (met("dies", **TWICE), "twice", "claimed"),
        (met("dies", **NEVER, recovered=after(job(32, ADA))), "never", "free"),
    ],
)
def test_the_truth_table_says_what_came_and_how_the_row_was_left(seen: Evidence, delivered: str, row: str) -> None:
    (one,) = find_message_outcomes(seen, [32])

    assert (one.cron, one.about, one.delivered, one.row) == ("post-job-followup", "job 32", delivered, row)
    assert one.answers == ["A: 200", "B: 200", "A: died"]


def test_messages_that_are_of_no_job_are_counted_by_whom_they_are_to_and_what_they_say() -> None:
    row = {"scheduled_tasks": {"id": "t1"}}
    tasks = {"scheduled_tasks": [{"id": "t1", "status": "pending"}]}
    stuck = {"scheduled_tasks": [{"id": "t1", "status": "processing"}]}
    to_ada = {"to": ADA, "says": "Hi!"}
    known = {"outcome": "twice", "by": "the same call", "to": "700700", "reason": "no key"}

    def of(check: dict[str, Any], **seen: Any) -> list[tuple[str, str, str]]:
        evidence = run(**{"before": tasks, "after": stuck} | seen)
        return [
            (one.about, one.delivered, one.anomaly or "")
            for one in Delivery.model_validate(check).message_outcomes(evidence)
        ]

    about = "the message to ********0132 that says 'Hi!'"
    assert of({"messages": [to_ada]}, sent=[sent(ADA), sent(ADA)]) == [(about, "twice", "duplicate")]
    assert of({"messages": [to_ada | {"in_time": True}]}, sent=[sent(ADA), sent(ADA, recovering=True)]) == [
        (about, "once", "")
    ]
    assert of({"messages": [{"to": ADA, "says": "Bye"}]}, sent=[sent(ADA)])[0][1:] == ("never", "lost")
    assert of({"messages": [{"to": ADA, "row": row}]}, sent=[])[0][1:] == ("never", "stuck")
    assert of({"messages": [{"to": ADA, "row": row}]}, sent=[], after=tasks)[0][1:] == ("never", "lost")
    twice = run(before={}, sent=[sent(ADA), sent(ADA)])
    assert Delivery.model_validate({"messages": [to_ada], "known": [known]}).examine(twice).verdict == "FAIL"
    assert Delivery.model_validate({"messages": [to_ada], "known": [known | {"to": ADA}]}).examine(twice).known == (
        "no key",
    )


@pytest.mark.parametrize(
    ("changes", "rounds", "verdict"),
    [
        ({}, (0, 1), "PASS"),
        ({}, (0, 0), "FAIL"),
        ({}, (0, 1, 2), "FAIL"),
        ({"times": 3}, (0, 1, 2), "PASS"),
        ({"by": "the same call"}, (0, 0), "PASS"),
        ({"by": "the same call"}, (0, 1), "FAIL"),
    ],
)
def test_a_known_limit_says_how_often_and_by_whom(changes: Any, rounds: tuple[int, ...], verdict: str) -> None:
    check = Delivery.model_validate({"units": [32], "known": [KNOWN | changes]})
    seen = met("timeout-after", sent=[replace(sent(ADA), round=number) for number in rounds])

    assert check.examine(seen).verdict == verdict


def test_two_rows_that_ask_for_one_text_share_its_messages() -> None:
    before = {"tasks": [{"id": 1, "state": "new"}, {"id": 2, "state": "new"}]}
    after = {"tasks": [{"id": 1, "state": "new"}, {"id": 2, "state": "done"}]}
    check = Delivery.model_validate({"messages": [{"to": ADA, "row": {"tasks": {"id": number}}} for number in (1, 2)]})

    def delivered(count: int) -> list[str]:
        seen = run(before=before, after=after, sent=[sent(ADA)] * count)
        return [one.delivered for one in check.message_outcomes(seen)]

    assert [delivered(count) for count in (1, 2, 3)] == [["never", "once"], ["once", "once"], ["once", "twice"]]


def test_jobs_that_share_a_number_share_its_messages() -> None:
    twins = run(before=after(job(32, ADA), job(33, ADA)), sent=[sent(ADA), sent(ADA), sent(ADA)])

    assert [one.delivered for one in find_message_outcomes(twins)] == ["twice", "once"]
