"""Evidence made by hand."""

from dataclasses import replace
from typing import Any

from cronproof.checks import Check
from cronproof.checks.rpc_present import RpcPresent
from cronproof.domain.application import Application
from cronproof.domain.database import Function, Rows
from cronproof.domain.instance import CronResponse, Instance
from cronproof.domain.message import Message, SentMessage
from cronproof.domain.work import Unit, UnitId
from cronproof.evidence.evidence import ClaimWrite, Evidence
from tests.support.reference import CONFIG, WORKS

ADA, BEN = "+12125550132", "+12125550134"


FOLLOWUP, MONTHLY, NUDGE = (
    replace(work, key=["id"], columns=[column])
    for work, column in zip(
        WORKS, ("followup_sent_at", "monthly_followup_sent_at", "frequency_nudge_sent_at"), strict=True
    )
)
APPLICATION = Application(
    [FOLLOWUP, MONTHLY, NUDGE],
    CONFIG.application.owners,
    CONFIG.application.aliases,
    {"visits": {"customer_id": ("customers", "id")}},
)


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
    message = Message(to, "Hi!", status, message_id, number=number, service="openphone", instance=instance)
    return SentMessage("post-job-followup", message, int(recovering))


def marked(instance: str, number: int, work: str = "followup", *, is_set: bool = True) -> ClaimWrite:
    return ClaimWrite(instance, number, work, is_set)


def units_of(rows: Rows) -> dict[str, dict[UnitId, Unit]]:
    """The units of work, as the database would say."""
    phones = {customer["id"]: customer.get("phone_number") for customer in rows.get("customers", ())}
    return {
        work.name: {
            row["id"]: Unit(
                row["id"],
                claimed=row.get(work.columns[0]) is not None,
                done=row.get(work.columns[0]) is not None,
                due=row["status"] == "completed" and row.get(work.columns[0]) is None,
                since=row["completed_at"],
                match={"to": phones.get(row["customer_id"]) or row["phone_number"]},
            )
            for row in rows.get("jobs", ())
        }
        for work in APPLICATION.works
    }


def with_units(evidence: Evidence) -> Evidence:
    """The evidence with the units of its rows, and with what each write of a claim has found."""
    claimed: set[tuple[UnitId, str]] = set()
    writes = []
    for write in evidence.claim_writes:
        writes.append(replace(write, was_set=(write.unit, write.work) in claimed))
        (claimed.add if write.is_set else claimed.discard)((write.unit, write.work))
    return replace(
        evidence,
        application=APPLICATION,
        claim_writes=writes,
        units=units_of(evidence.before),
        units_after=units_of(evidence.after),
        units_recovered=units_of(evidence.recovered) if evidence.recovered else {},
    )


def lead(text: str, instance: str = "A") -> SentMessage:
    return SentMessage("ghl-followups", Message("contact 1", text, 201, "1", service="ghl", instance=instance))


TWINS = {"jobs": [job(32, ADA), job(33, ADA)]}


JOBS = [job(32, ADA), job(34, BEN)]


RUN = with_units(
    Evidence(
        order="one-after-the-other",
        instances=[Instance("A", "post-job-followup"), Instance("B", "post-job-followup")],
        responses=[CronResponse(name, 200, {"success": True, "processed": 1}) for name in "AB"],
        before={"jobs": JOBS},
        after={"jobs": [job(32, ADA, followup_sent_at=SET), JOBS[1]]},
        sent=[sent(ADA)],
        claim_writes=[marked("A", 32)],
    )
)


def run(**changes: Any) -> Evidence:
    return with_units(replace(RUN, **changes))


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
