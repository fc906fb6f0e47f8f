"""Evidence made by hand."""

from dataclasses import replace
from typing import Any

from cronproof.checks import Check
from cronproof.checks.rpc_present import RpcPresent
from cronproof.domain.database import Function
from cronproof.domain.instance import CronResponse, Instance
from cronproof.domain.message import Message, SentMessage
from cronproof.evidence.evidence import ClaimWrite, Evidence

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
    return SentMessage("post-job-followup", message, int(recovering))


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


TEXTS = run(sent=[sent(ADA)])


EVENTS = run(after=RUN.after | {"system_events": [{"id": 1, "job_id": "32"}, {"id": 2, "job_id": "32"}]})


def assert_finding(check: Check, evidence: Evidence, verdict: str, message: str) -> None:
    """Asserts the verdict of a check, and how its message begins."""
    finding = check.examine(evidence)

    assert (finding.verdict, finding.message[: len(message)]) == (verdict, message)
