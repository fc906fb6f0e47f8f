"""claims-agree, on evidence made by hand."""

from dataclasses import replace
from typing import Any

import pytest

from cronproof.checks.claims_agree import ClaimsAgree
from cronproof.checks.only_eligible import OnlyEligible
from cronproof.evidence.evidence import Evidence
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from tests.support.evidence import (
    ADA,
    ALL_SET,
    BEN,
    FOLLOWUP,
    JOBS,
    RUN,
    SET,
    TWINS,
    after,
    assert_finding,
    job,
    run,
    sent,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (ClaimsAgree(), RUN, "PASS", "set exactly where a message was accepted"),
        (ClaimsAgree(), run(sent=[]), "FAIL", "job 32 is claimed (followup), though no message was accepted"),
        (ClaimsAgree(), run(after=after(*JOBS)), "FAIL", "job 32 is not claimed (followup), though its message was accepted"),
        (ClaimsAgree(), run(after=after(RUN.after["jobs"][0], job(34, BEN, monthly_followup_sent_at=SET))), "FAIL", "job 34 is claimed (monthly), though no"),
        (ClaimsAgree(skipped=[34]), run(after=after(RUN.after["jobs"][0], job(34, BEN, followup_sent_at=SET))), "PASS", "set exactly"),
        (ClaimsAgree(skipped=[32]), RUN, "FAIL", "job 32 was to be decided without a message, and got one"),
        (ClaimsAgree(skipped=[32]), run(before=TWINS, after=after(job(32, ADA, followup_sent_at=SET), job(33, ADA, followup_sent_at=SET))), "PASS", "set exactly"),
        (ClaimsAgree(skipped=[34]), RUN, "FAIL", "job 34 is not claimed (followup), though the job was decided"),
        (ClaimsAgree(), run(before=TWINS, after=after(job(32, ADA), job(33, ADA, followup_sent_at=SET))), "PASS", "set exactly"),
        (ClaimsAgree(), run(after=after(RUN.after["jobs"][0])), "FAIL", "job 34: deleted"),
        (ClaimsAgree(), run(recovered=after(*JOBS)), "FAIL", "job 32 is not claimed (followup)"),
    ],
)  # fmt: skip
def test_finding(check: ClaimsAgree, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_without_a_unit_that_can_be_claimed_nothing_is_shown() -> None:
    assert_finding(ClaimsAgree(), run(before={}, after={}), "INCONCLUSIVE", "there is no job that could be claimed")


def test_where_the_message_of_a_claimed_unit_cannot_be_told_nothing_is_shown() -> None:
    """Its phone number is NULL, and a message came that nobody else is owed."""
    evidence = run(before=after(job(32, None)), after=after(job(32, None, followup_sent_at=SET)))

    message = "job 32 is claimed, and `to` of [work.followup.message] is NULL for it: whether #1 by A"
    assert_finding(ClaimsAgree(), evidence, "INCONCLUSIVE", message)
    assert_finding(OnlyEligible(), evidence, "INCONCLUSIVE", message)
    assert_finding(
        ClaimsAgree(),
        run(before=after(job(32, None)), after=after(job(32, None, followup_sent_at=SET)), sent=[]),
        "FAIL",
        "job 32 is claimed (followup), though no",
    )


def test_what_a_fault_has_left_open_is_for_the_recovery() -> None:
    lost = Step("A", Point("call", "openphone POST /v1/messages"), fault="timeout-after")
    open_still, marked_later = after(*JOBS), after(*ALL_SET["jobs"])
    sends = [sent(ADA), sent(BEN, recovering=True)]

    def seen(**changes: Any) -> Evidence:
        return run(**{"steps": [lost], "after": open_still, "recovered": marked_later, "sent": sends} | changes)

    assert_finding(ClaimsAgree(), seen(), "PASS", "set exactly")
    assert_finding(ClaimsAgree(), seen(steps=[]), "FAIL", "job 32 is not claimed (followup), though its message was")
    assert_finding(ClaimsAgree(), seen(recovered=open_still), "FAIL", "job 32 is not claimed (followup)")
    assert_finding(ClaimsAgree(), seen(recovered={}), "FAIL", "job 32 is not claimed (followup)")


def test_a_unit_may_be_decided_by_a_later_call() -> None:
    later = run(sent=[sent(ADA)], recovered=after(*ALL_SET["jobs"]))

    assert_finding(ClaimsAgree(skipped=[34]), later, "PASS", "set exactly")
    assert_finding(
        ClaimsAgree(skipped=[34]), replace(later, units_recovered=later.units_after), "FAIL", "job 34 is not"
    )


def test_a_row_that_another_work_removes_is_rightly_gone() -> None:
    removal = replace(FOLLOWUP, name="removal", crons=["post-job-followup"], removes=True)
    others = replace(FOLLOWUP, crons=["another"])
    seen = run(after={"jobs": []}, sent=[sent(ADA), sent(BEN)])
    units = dict.fromkeys(("removal", "followup"), seen.units["followup"])
    both = replace(
        seen,
        application=replace(seen.application, works=[removal, others]),
        units=units,
        units_after={name: {} for name in units},
    )

    assert_finding(ClaimsAgree(), both, "PASS", "set exactly")
    kept = replace(both, application=replace(both.application, works=[replace(removal, removes=False), others]))
    assert_finding(ClaimsAgree(), kept, "FAIL", "jobs 32 and 34: deleted")
