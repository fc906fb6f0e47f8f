"""exclusive, on evidence made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronproof.checks.exclusive import Exclusive
from cronproof.evidence.evidence import ClaimWrite, Evidence
from cronproof.evidence.finding import Finding
from tests.support.evidence import (
    RUN,
    assert_finding,
    marked,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (Exclusive(), RUN, "PASS", "every claimed job by one instance only"),
        (Exclusive(), run(claim_writes=[]), "INCONCLUSIVE", "no instance claimed any job"),
        (Exclusive(), run(claim_writes=[marked("A", 32), marked("B", 32)]), "FAIL", "job 32 was claimed by A and by B (followup)"),
        (Exclusive(), run(claim_writes=[marked("A", 32), marked("A", 32, is_set=False), marked("B", 32)]), "PASS", "every"),
        (Exclusive(), run(claim_writes=[marked("A", 32), marked("B", 34)]), "PASS", "every"),
        (Exclusive(), run(claim_writes=[marked("A", 32), marked("B", 32, "nudge")]), "PASS", "every"),
    ],
)  # fmt: skip
def test_finding(check: Exclusive, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


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
