"""sees-rows, on evidence made by hand."""

import pytest

from cronproof.checks.sees_rows import SeesRows
from cronproof.domain.instance import CronResponse
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    RUN,
    assert_finding,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (SeesRows(), RUN, "PASS", "as service_role: 1 sent"),
        (SeesRows(), run(sent=[]), "FAIL", "the service role saw no rows: nothing was sent"),
        (SeesRows(), run(role="anon"), "FAIL", "as anon, A answered 200"),
        (SeesRows(), run(role="anon", sent=[], responses=[CronResponse("A", 500, {})]), "PASS", "as anon: 500, nothing sent"),
        (SeesRows(), run(role="anon", responses=[CronResponse("A", 500, {})]), "FAIL", "as anon, a message was sent"),
    ],
)  # fmt: skip
def test_finding(check: SeesRows, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
