"""batch-limit, on evidence made by hand."""

from dataclasses import replace

import pytest

from cronproof.checks.batch_limit import BatchLimit
from cronproof.domain.instance import Instance
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    ADA,
    ALL_SET,
    BEN,
    FOLLOWUP,
    JOBS,
    MONTHLY,
    RUN,
    SET,
    after,
    assert_finding,
    job,
    marked,
    run,
    sent,
    with_units,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (BatchLimit(at_most=1), run(recovered=ALL_SET), "PASS", "1 of 2 jobs claimed, the oldest"),
        (BatchLimit(at_most=2), run(recovered=ALL_SET), "INCONCLUSIVE", "2 eligible jobs cannot show a limit of 2"),
        (BatchLimit(at_most=1), RUN, "INCONCLUSIVE", "1 eligible jobs cannot show a limit of 1"),
        (BatchLimit(at_most=1), run(claim_writes=[]), "INCONCLUSIVE", "no instance claimed any job"),
        (BatchLimit(at_most=1), run(claim_writes=[marked("A", 32), marked("A", 34)]), "FAIL", "A claimed 2 jobs, 1 more than 1"),
        (BatchLimit(at_most=1), run(claim_writes=[marked("A", 34)], recovered=ALL_SET), "FAIL", "job 32 was passed over, though it was due before job 34"),
        (BatchLimit(at_most=2), run(recovered=ALL_SET, instances=RUN.instances[:1]), "INCONCLUSIVE", "2 eligible jobs cannot show a limit of 2"),
        (BatchLimit(at_most=2), run(before=after(*JOBS, job(36, None)), instances=RUN.instances[:1], recovered=after(*ALL_SET["jobs"], job(36, None, followup_sent_at=SET))), "FAIL", "1 of 3 eligible jobs were claimed, and the limit is 2"),
        (BatchLimit(at_most=2), run(before=after(*JOBS, job(47, None)), claim_writes=[marked("A", 32), marked("A", 34)], sent=[sent(BEN), sent(ADA)], recovered=after(*ALL_SET["jobs"], job(47, None, followup_sent_at=SET))), "PASS", "2 of 3 jobs claimed, the oldest"),
    ],
)  # fmt: skip
def test_finding(check: BatchLimit, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_the_limit_is_that_of_each_work() -> None:
    both = replace(RUN, instances=[Instance("A", "unified"), Instance("B", "unified")])
    works = [replace(work, crons=["unified"]) for work in (FOLLOWUP, MONTHLY)]
    marks = [marked("A", 32), marked("A", 34, "monthly")]
    seen = with_units(
        replace(
            both,
            claim_writes=marks,
            after=after(job(32, ADA, followup_sent_at=SET), job(34, BEN, monthly_followup_sent_at=SET)),
            recovered=after(
                *(job(n, to, followup_sent_at=SET, monthly_followup_sent_at=SET) for n, to in ((32, ADA), (34, BEN)))
            ),
        )
    )
    of_each = replace(seen, application=replace(seen.application, works=works))

    assert_finding(BatchLimit(at_most=1), of_each, "FAIL", "job 32 was passed over, though it was due before job 34")
    only_one = replace(of_each, claim_writes=marks[:1], instances=of_each.instances[:1])
    assert_finding(BatchLimit(at_most=1), only_one, "PASS", "1 of 2 jobs claimed, the oldest")
    oldest = replace(
        of_each,
        claim_writes=[*with_units(replace(both, claim_writes=[marks[0], marked("A", 32, "monthly")])).claim_writes],
    )
    assert_finding(BatchLimit(at_most=1), oldest, "PASS", "1 of 2 jobs claimed, the oldest")
