"""no-deadlock, on evidence made by hand."""

import pytest

from cronproof.checks.no_deadlock import NoDeadlock
from cronproof.domain.database import SqlError
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    RUN,
    assert_finding,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (NoDeadlock(), run(errors=[SqlError("A", "40001", "x")]), "PASS", "no deadlock"),
        (NoDeadlock(), run(errors=[SqlError("A", "40P01", "deadlock detected")]), "FAIL", "A was the victim of a deadlock"),
    ],
)  # fmt: skip
def test_finding(check: NoDeadlock, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_a_single_instance_shows_nothing() -> None:
    alone = run(instances=RUN.instances[:1])

    concluded = [NoDeadlock().conclude([evidence], []) for evidence in (alone, RUN)]

    assert [finding and finding.verdict for finding in concluded] == ["INCONCLUSIVE", None]
