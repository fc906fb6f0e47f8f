"""only-eligible, on evidence made by hand."""

from dataclasses import replace

import pytest

from cronproof.checks.only_eligible import OnlyEligible
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    ADA,
    BEN,
    RUN,
    SET,
    after,
    assert_finding,
    job,
    run,
    sent,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (OnlyEligible(units=[32]), RUN, "PASS", "job 34 untouched"),
        (OnlyEligible(units=[34]), RUN, "FAIL", "job 32 is not eligible, but ********0132 got #1 by A (post-job-followup) 'Hi!'"),
        (OnlyEligible(units=[32]), run(after=after(RUN.after["jobs"][0], job(34, BEN, status="cancelled"))), "FAIL", "job 34 is not eligible, but its row was changed (status)"),
        (OnlyEligible(units=[32]), run(sent=[sent("+12125550199")]), "FAIL", "no job of the scenario is owed it, but"),
        (OnlyEligible(units=[32]), run(after=after(RUN.after["jobs"][0])), "FAIL", "job 34: not eligible, but deleted"),
        (OnlyEligible(units=[32], skipped=[34]), run(after=after(RUN.after["jobs"][0], job(34, BEN, followup_sent_at=SET))), "PASS", "no message to anybody else"),
    ],
)  # fmt: skip
def test_finding(check: OnlyEligible, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_without_other_units_and_messages_nothing_is_shown() -> None:
    nothing = run(before={}, after={}, sent=[])

    assert_finding(OnlyEligible(units=[]), nothing, "INCONCLUSIVE", "no message was accepted, and the scenario has no")


def test_a_message_in_the_name_of_another_owner_is_told() -> None:
    before = after(job(32, ADA, tenant_id="north"))

    def sent_by(owners: frozenset[str] | None) -> Evidence:
        of = replace(sent(ADA), message=replace(sent(ADA).message, owners=owners))
        return run(before=before, after=before, sent=[of])

    for owners in (None, frozenset({"north"}), frozenset({"north", "south"})):
        assert_finding(OnlyEligible(units=[32]), sent_by(owners), "PASS", "no message to anybody else")
    for owners in (frozenset({"south"}), frozenset[str]()):
        wrong = "********0132 got #1 by A (post-job-followup) 'Hi!', with the key or from the number of another tenant"
        assert_finding(OnlyEligible(units=[32]), sent_by(owners), "FAIL", wrong)
