"""Every check on evidence made by hand: PASS, FAIL with its message, and INCONCLUSIVE."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronproof.checks import Check
from cronproof.checks.batch_limit import BatchLimit
from cronproof.checks.body import Body
from cronproof.checks.claims_agree import ClaimsAgree
from cronproof.checks.egress import Egress
from cronproof.checks.exclusive import Exclusive
from cronproof.checks.never_waits import NeverWaits
from cronproof.checks.no_deadlock import NoDeadlock
from cronproof.checks.no_duplicate import NoDuplicate
from cronproof.checks.no_loss import NoLoss
from cronproof.checks.only_eligible import OnlyEligible
from cronproof.checks.rows import Rows
from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.checks.rpc_present import RpcPresent
from cronproof.checks.sees_rows import SeesRows
from cronproof.checks.status import Status
from cronproof.checks.text import Text
from cronproof.domain.database import Function, SqlError
from cronproof.domain.instance import CronResponse, Instance
from cronproof.domain.message import BlockedCall, Message, SentMessage
from cronproof.evidence.evidence import ClaimWrite, Evidence
from cronproof.evidence.finding import Finding
from cronproof.gate.point import Point
from cronproof.gate.trace import Wait

ADA, BEN = "+12125550132", "+12125550134"
COLUMN = "followup_sent_at"
SET = "2026-11-23T12:00:00+00:00"


def job(number: int, phone: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "customer_id": None,
        "phone_number": phone,
        "status": "completed",
        "completed_at": f"2026-11-23T{number % 24:02d}:00:00+00:00",
        "followup_sent_at": None,
        "monthly_followup_sent_at": None,
        "frequency_nudge_sent_at": None,
    } | changes


def sent(to: str, instance: str = "A", *, status: int = 202, recovering: bool = False, number: int = 1) -> SentMessage:
    message_id = "AC1" if status == 202 else None
    message = Message(to, "Hi!", status, message_id, number=number, instance=instance)
    return SentMessage("post-job-followup", message, recovering=recovering)


def marked(instance: str, number: int, column: str = COLUMN, *, is_set: bool = True) -> ClaimWrite:
    return ClaimWrite(instance, number, column, is_set)


def lead(text: str, instance: str = "A") -> SentMessage:
    return SentMessage("ghl-followups", Message("contact 1", text, 201, "1", service="ghl", instance=instance))


TWINS = {"jobs": [job(32, ADA), job(33, ADA)]}
JOBS = [job(32, ADA), job(34, BEN)]
RUN = Evidence(
    order="one-after-the-other",
    instances=[Instance("A", "post-job-followup"), Instance("B", "post-job-followup")],
    responses=[CronResponse(name, 200, {"success": True, "processed": 1}) for name in "AB"],
    before={"jobs": JOBS},
    after={"jobs": [job(32, ADA, followup_sent_at=SET), JOBS[1]]},
    sent=[sent(ADA)],
    claim_writes=[marked("A", 32)],
)


def run(**changes: Any) -> Evidence:
    return replace(RUN, **changes)


def after(*jobs: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {"jobs": list(jobs)}


ALL_SET = after(job(32, ADA, followup_sent_at=SET), job(34, BEN, followup_sent_at=SET))
FUNCTION = Function("f", "a integer, b text DEFAULT 'x'::text", "TABLE(c integer)", ("service_role",), False, None)
PRESENT = RpcPresent(function="f", arguments=["a integer", "b text = 'x'::text"], returns=["c integer"])

CASES: list[tuple[Check, Evidence, str, str]] = [
    (Exclusive(), RUN, "PASS", "every claimed job by one instance only"),
    (Exclusive(), run(claim_writes=[]), "INCONCLUSIVE", "no instance claimed anything: no expected job was eligible"),
    (Exclusive(), run(claim_writes=[marked("A", 32), marked("B", 32)]), "FAIL", "job 32 was claimed by A and by B (followup_sent_at)"),
    (Exclusive(), run(claim_writes=[marked("A", 32), marked("A", 32, is_set=False), marked("B", 32)]), "PASS", "every"),
    (Exclusive(), run(claim_writes=[marked("A", 32), marked("B", 34)]), "PASS", "every"),
    (Exclusive(), run(claim_writes=[marked("A", 32), marked("B", 32, "frequency_nudge_sent_at")]), "PASS", "every"),
    (NoDuplicate(), RUN, "PASS", "1 accepted, none twice"),
    (NoDuplicate(), run(sent=[sent(ADA), sent(ADA, "B", number=2)]), "FAIL", "job 32: ********0132 got 2 messages: #1 by A"),
    (NoDuplicate(), run(sent=[sent(ADA), sent(ADA, recovering=True)]), "FAIL", "job 32: ********0132 got 2 messages"),
    (NoDuplicate(), run(sent=[sent(ADA, status=500), sent(ADA)]), "PASS", "1 accepted"),
    (NoDuplicate(), run(sent=[sent(ADA)] * 2, before=TWINS, claim_writes=[marked("A", 32), marked("B", 33)]), "PASS", "2 accepted"),
    (NoDuplicate(), run(sent=[sent(ADA)] * 3, before=TWINS, claim_writes=[marked("A", 32), marked("B", 33)]), "FAIL", "jobs 32 and 33: "),
    (NoDuplicate(), run(sent=[sent(ADA)] * 2, before=TWINS), "FAIL", "job 32: ********0132 got 2 messages"),
    (NoDuplicate(), run(sent=[]), "INCONCLUSIVE", "no message was accepted: none could come twice"),
    (NoDuplicate(), run(sent=[lead("Hi!"), lead("Hi!", "B")]), "FAIL", "*****ct 1 got 2 messages"),
    (NoDuplicate(), run(sent=[lead("Job 32 is late"), lead("Job 33 is late")]), "PASS", "2 accepted"),
    (NoLoss(units=[32]), RUN, "PASS", "job 32: message accepted"),
    (NoLoss(units=[32, 34]), RUN, "FAIL", "job 34: no message was accepted, though the cron ran until nothing changed (none tried)"),
    (NoLoss(units=[32]), run(sent=[sent(ADA, status=400)]), "FAIL", "job 32: no message was accepted, though the cron ran until nothing changed (1 tried, the last answered 400)"),
    (NoLoss(units=[32]), run(before=after(job(32, None))), "INCONCLUSIVE", "job 32: no phone number"),
    (NoLoss(units=[32, 33]), run(before=after(job(32, ADA), job(33, ADA))), "FAIL", "job 33: no message"),
    (ClaimsAgree(), RUN, "PASS", "set exactly where a message was accepted"),
    (ClaimsAgree(), run(sent=[]), "FAIL", "job 32: followup_sent_at is set, though no message was accepted"),
    (ClaimsAgree(), run(after=after(*JOBS)), "FAIL", "job 32: followup_sent_at is NULL, though its message was accepted"),
    (ClaimsAgree(), run(after=after(RUN.after["jobs"][0], job(34, BEN, monthly_followup_sent_at=SET))), "FAIL", "job 34: monthly_followup_sent_at is set"),
    (ClaimsAgree(skipped=[34]), run(after=after(RUN.after["jobs"][0], job(34, BEN, followup_sent_at=SET))), "PASS", "set exactly"),
    (ClaimsAgree(skipped=[34]), RUN, "FAIL", "job 34: followup_sent_at is NULL, though the job was decided"),
    (ClaimsAgree(), run(before=TWINS, after=after(job(32, ADA), job(33, ADA, followup_sent_at=SET))), "PASS", "set exactly"),
    (ClaimsAgree(), run(after=after(RUN.after["jobs"][0])), "FAIL", "job 34: deleted"),
    (ClaimsAgree(), run(recovered=after(*JOBS)), "FAIL", "job 32: followup_sent_at is NULL"),
    (OnlyEligible(units=[32]), RUN, "PASS", "job 34 untouched"),
    (OnlyEligible(units=[34]), RUN, "FAIL", "job 32 is not eligible, but ********0132 got #1 by A (post-job-followup) 'Hi!'"),
    (OnlyEligible(units=[32]), run(after=after(RUN.after["jobs"][0], job(34, BEN, status="cancelled"))), "FAIL", "job 34 is not eligible, but its row was changed (status)"),
    (OnlyEligible(units=[32]), run(sent=[sent("+12125550199")]), "FAIL", "no job of the scenario is not eligible"),
    (OnlyEligible(units=[32]), run(after=after(RUN.after["jobs"][0])), "FAIL", "job 34: not eligible, but deleted"),
    (OnlyEligible(units=[32], skipped=[34]), run(after=after(RUN.after["jobs"][0], job(34, BEN, followup_sent_at=SET))), "PASS", "no message to anybody else"),
    (BatchLimit(at_most=1), run(recovered=ALL_SET), "PASS", "1 claimed of 2, the oldest"),
    (BatchLimit(at_most=2), run(recovered=ALL_SET), "INCONCLUSIVE", "2 eligible jobs cannot show a limit of 2"),
    (BatchLimit(at_most=1), RUN, "INCONCLUSIVE", "1 eligible jobs cannot show a limit of 1"),
    (BatchLimit(at_most=1), run(claim_writes=[]), "INCONCLUSIVE", "no instance claimed anything"),
    (BatchLimit(at_most=1), run(claim_writes=[marked("A", 32), marked("A", 34)]), "FAIL", "A claimed 2 jobs, 1 more than 1"),
    (BatchLimit(at_most=1), run(claim_writes=[marked("A", 34)], recovered=ALL_SET), "FAIL", "job 32 was passed over, though it was completed before job 34"),
    (NeverWaits(), RUN, "PASS", "no lock wait"),
    (NeverWaits(), run(waits=[Wait("B", Point("statement", "select 1"), ("A",))]), "FAIL", "B waited for A in 'select 1'"),
    (NoDeadlock(), run(errors=[SqlError("A", "40001", "x")]), "PASS", "no deadlock"),
    (NoDeadlock(), run(errors=[SqlError("A", "40P01", "deadlock detected")]), "FAIL", "A was the victim of a deadlock"),
    (Status(200), RUN, "PASS", "2 × 200"),
    (Status(401), RUN, "FAIL", 'A answered 200, not 401: {"success": true, "processed": 1}'),
    (Body({"success": True}), RUN, "PASS", '{"success":true}'),
    (Body({"success": 1}), RUN, "FAIL", 'A answered {"success": true, "processed": 1}: success is true, not 1'),
    (Body({"errors": 0}), RUN, "FAIL", 'A answered {"success": true, "processed": 1}: errors is missing'),
    (Body({}), run(responses=[CronResponse("A", 502, "<html>")]), "FAIL", 'A answered "<html>": the body is "<html>", not {}'),
    (SeesRows(), RUN, "PASS", "as service_role: 1 sent"),
    (SeesRows(), run(sent=[]), "FAIL", "the service role saw no rows: nothing was sent"),
    (SeesRows(), run(role="anon"), "FAIL", "as anon, A answered 200"),
    (SeesRows(), run(role="anon", sent=[], responses=[CronResponse("A", 500, {})]), "PASS", "as anon: 500, nothing sent"),
    (SeesRows(), run(role="anon", responses=[CronResponse("A", 500, {})]), "FAIL", "as anon, a message was sent"),
    (Egress(), RUN, "PASS", "database and services only"),
    (Egress(), run(blocked_calls=[BlockedCall("A", "https://example.com/x?y")]), "FAIL", "A called example.com; the call was refused"),
    (PRESENT, run(functions=[FUNCTION]), "PASS", "f(a integer, b text = 'x'::text)"),
    (PRESENT, RUN, "FAIL", "there is no function f"),
    (PRESENT, run(functions=[FUNCTION, replace(FUNCTION, arguments="a integer")]), "FAIL", "f exists 2 times"),
    (PRESENT, run(functions=[replace(FUNCTION, arguments="a integer")]), "FAIL", "f takes (a integer), not (a integer, b text = "),
    (PRESENT, run(functions=[replace(FUNCTION, result="void")]), "FAIL", "f returns (void), not (c integer)"),
    (RpcGuarded(function="f"), run(functions=[FUNCTION]), "PASS", "only service_role may execute f"),
    (RpcGuarded(function="f"), RUN, "FAIL", "there is no function f"),
    (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, executable_by=("service_role", "anon"))]), "FAIL", "anon may execute f("),
    (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, executable_by=())]), "FAIL", "service_role may not execute f("),
    (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, security_definer=True)]), "FAIL", "f is SECURITY DEFINER and its search_path is not pinned"),
    (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, security_definer=True, search_path="")]), "PASS", "only"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "evidence", "verdict", "message"), CASES, ids=lambda value: getattr(value, "id", ""))
def test_what_a_check_says(check: Check, evidence: Evidence, verdict: str, message: str) -> None:
    finding = check.examine(evidence)

    assert (finding.verdict, finding.message[: len(message)]) == (verdict, message)


@given(
    marks=st.lists(
        st.builds(marked, st.sampled_from("AB"), st.sampled_from([32, 34]), is_set=st.booleans()), max_size=8
    )
)
def test_exclusive_fails_exactly_when_a_held_job_is_claimed_by_another(marks: list[ClaimWrite]) -> None:
    holders: dict[int | str, str | None] = {}
    stolen = False
    for mark in marks:
        holder = holders.get(mark.unit)
        stolen |= mark.is_set and holder is not None and holder != mark.instance
        if not mark.is_set:
            holders[mark.unit] = None
        elif holder is None:
            holders[mark.unit] = mark.instance

    finding: Finding = Exclusive().examine(run(claim_writes=marks))

    assert (finding.verdict == "FAIL") is stolen


TEXTS = run(sent=[sent(ADA)])
EVENTS = run(after=RUN.after | {"system_events": [{"id": 1, "job_id": "32"}, {"id": 2, "job_id": "32"}]})


@pytest.mark.parametrize(
    ("check", "seen", "verdict", "message"),
    [
        (Text({32: ["Hi"]}), TEXTS, "PASS", "1 say what they should"),
        (Text({32: ["Hi", "Ada"]}), TEXTS, "FAIL", "job 32: ********0132 got #1 by A (post-job-followup) 'Hi!', without 'Ada'"),
        (Text({34: ["Hi"]}), TEXTS, "INCONCLUSIVE", "no message was accepted"),
        (Rows({"system_events": [{"job_id": "32"}, {"job_id": "32"}]}), EVENTS, "PASS", "2 in system_events"),
        (Rows({"system_events": [{"job_id": "32"}] * 3}), EVENTS, "FAIL", 'system_events has no row with {"job_id": "32"}'),
        (Rows({"system_events": [{"nothing": None}]}), EVENTS, "FAIL", 'no row with {"nothing": null}'),
        (BatchLimit(at_most=2), run(recovered=ALL_SET, instances=RUN.instances[:1]), "INCONCLUSIVE", "cannot show"),
        (BatchLimit(at_most=2), run(before=after(*JOBS, job(36, None)), instances=RUN.instances[:1], recovered=after(*ALL_SET["jobs"], job(36, None, followup_sent_at=SET))), "FAIL", "1 were claimed, though 3 were eligible and 2 allowed"),
        (BatchLimit(at_most=2), run(before=after(*JOBS, job(47, None)), claim_writes=[marked("A", 32), marked("A", 34)], sent=[sent(BEN), sent(ADA)], recovered=after(*ALL_SET["jobs"], job(47, None, followup_sent_at=SET))), "FAIL", "job 32 was messaged after job 34, though it was completed before"),
    ],
)  # fmt: skip
def test_what_is_said_written_and_done_in_order(check: Check, seen: Evidence, verdict: str, message: str) -> None:
    finding = check.examine(seen)

    assert (finding.verdict, message in finding.message) == (verdict, True), finding
