"""egress, on evidence made by hand."""

import pytest

from cronproof.checks.egress import Egress
from cronproof.domain.message import BlockedCall
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    RUN,
    assert_finding,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (Egress(), RUN, "PASS", "database and services only"),
        (Egress(), run(blocked_calls=[BlockedCall("A", "https://example.com/x?y")]), "FAIL", "A called example.com; the call was refused"),
    ],
)  # fmt: skip
def test_finding(check: Egress, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
