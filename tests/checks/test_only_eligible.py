"""only-eligible, on evidence made by hand."""

import pytest

from cronproof.checks.only_eligible import OnlyEligible
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
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
        (OnlyEligible(units=[32]), run(sent=[sent("+12125550199")]), "FAIL", "no job of the scenario is not eligible"),
        (OnlyEligible(units=[32]), run(after=after(RUN.after["jobs"][0])), "FAIL", "job 34: not eligible, but deleted"),
        (OnlyEligible(units=[32], skipped=[34]), run(after=after(RUN.after["jobs"][0], job(34, BEN, followup_sent_at=SET))), "PASS", "no message to anybody else"),
    ],
)  # fmt: skip
def test_finding(check: OnlyEligible, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_without_other_units_and_messages_nothing_is_shown() -> None:
    nothing = run(before={}, after={}, sent=[])

    assert_finding(OnlyEligible(units=[]), nothing, "INCONCLUSIVE", "no message was accepted, and the scenario has no")
