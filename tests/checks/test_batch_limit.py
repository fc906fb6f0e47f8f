"""batch-limit, on evidence made by hand."""

import pytest

from cronproof.checks.batch_limit import BatchLimit
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    ADA,
    ALL_SET,
    BEN,
    JOBS,
    RUN,
    SET,
    after,
    assert_finding,
    job,
    marked,
    run,
    sent,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (BatchLimit(at_most=1), run(recovered=ALL_SET), "PASS", "1 claimed of 2, the oldest"),
        (BatchLimit(at_most=2), run(recovered=ALL_SET), "INCONCLUSIVE", "2 eligible jobs cannot show a limit of 2"),
        (BatchLimit(at_most=1), RUN, "INCONCLUSIVE", "1 eligible jobs cannot show a limit of 1"),
        (BatchLimit(at_most=1), run(claim_writes=[]), "INCONCLUSIVE", "no instance claimed anything"),
        (BatchLimit(at_most=1), run(claim_writes=[marked("A", 32), marked("A", 34)]), "FAIL", "A claimed 2 jobs, 1 more than 1"),
        (BatchLimit(at_most=1), run(claim_writes=[marked("A", 34)], recovered=ALL_SET), "FAIL", "job 32 was passed over, though it was due before job 34"),
        (BatchLimit(at_most=2), run(recovered=ALL_SET, instances=RUN.instances[:1]), "INCONCLUSIVE", "2 eligible jobs cannot show a limit of 2"),
        (BatchLimit(at_most=2), run(before=after(*JOBS, job(36, None)), instances=RUN.instances[:1], recovered=after(*ALL_SET["jobs"], job(36, None, followup_sent_at=SET))), "FAIL", "1 were claimed, though 3 were eligible and 2 allowed"),
        (BatchLimit(at_most=2), run(before=after(*JOBS, job(47, None)), claim_writes=[marked("A", 32), marked("A", 34)], sent=[sent(BEN), sent(ADA)], recovered=after(*ALL_SET["jobs"], job(47, None, followup_sent_at=SET))), "PASS", "2 claimed of 3, the oldest"),
    ],
)  # fmt: skip
def test_finding(check: BatchLimit, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
