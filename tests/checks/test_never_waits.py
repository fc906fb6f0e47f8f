"""never-waits, on evidence made by hand."""

import pytest

from cronproof.checks.never_waits import NeverWaits
from cronproof.evidence.evidence import Evidence
from cronproof.gate.point import Point
from cronproof.gate.trace import Wait
from tests.support.evidence import (
    RUN,
    assert_finding,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (NeverWaits(), RUN, "PASS", "no lock wait"),
        (NeverWaits(), run(waits=[Wait("B", Point("statement", "select 1"), ("A",))]), "FAIL", "B waited for A in 'select 1'"),
    ],
)  # fmt: skip
def test_finding(check: NeverWaits, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_a_single_instance_shows_nothing() -> None:
    alone = run(instances=RUN.instances[:1])

    concluded = [NeverWaits().conclude([evidence], []) for evidence in (alone, RUN)]

    assert [finding and finding.verdict for finding in concluded] == ["INCONCLUSIVE", None]
