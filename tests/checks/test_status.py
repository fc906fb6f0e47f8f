"""status, on evidence made by hand."""

import pytest

from cronproof.checks.status import Status
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    RUN,
    assert_finding,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (Status(200), RUN, "PASS", "2 × 200"),
        (Status(401), RUN, "FAIL", 'A answered 200, not 401: {"success": true, "processed": 1}'),
    ],
)  # fmt: skip
def test_finding(check: Status, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
