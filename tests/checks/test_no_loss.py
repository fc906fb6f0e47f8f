"""no-loss, on evidence made by hand."""

import pytest

from cronproof.checks.no_loss import NoLoss
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    ADA,
    RUN,
    after,
    assert_finding,
    job,
    run,
    sent,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (NoLoss(units=[32]), RUN, "PASS", "job 32: message accepted"),
        (NoLoss(units=[32, 34]), RUN, "FAIL", "job 34: no message was accepted, though the cron ran until nothing changed (none tried)"),
        (NoLoss(units=[32]), run(sent=[sent(ADA, status=400)]), "FAIL", "job 32: no message was accepted, though the cron ran until nothing changed (1 tried, the last answered 400)"),
        (NoLoss(units=[32]), run(before=after(job(32, None))), "INCONCLUSIVE", "job 32: no recipient"),
        (NoLoss(units=[32, 33]), run(before=after(job(32, ADA), job(33, ADA))), "FAIL", "job 33: no message"),
    ],
)  # fmt: skip
def test_finding(check: NoLoss, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
