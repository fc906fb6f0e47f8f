"""never-waits, on evidence made by hand."""

from dataclasses import replace

import pytest

from cronproof.checks.never_waits import NeverWaits
from cronproof.evidence.evidence import Evidence
from cronproof.gate.gate import SOMEBODY_ELSE
from cronproof.gate.point import Point
from cronproof.gate.trace import Step, Wait
from tests.support.evidence import (
    FUNCTION,
    RUN,
    assert_finding,
    run,
)


def waits(instance: str, statement: str, blocker: str = SOMEBODY_ELSE) -> Wait:
    return Wait(instance, Point("statement", statement), (blocker,))


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (NeverWaits(), RUN, "PASS", "no lock wait"),
        (NeverWaits(), run(waits=[Wait("B", Point("statement", "select 1"), ("A",))]), "FAIL", "B waited for A in 'select 1'"),
        (NeverWaits(), run(waits=[waits("A", "update jobs set x = 1")]), "PASS", "no lock wait"),
        (NeverWaits(), run(waits=[waits("A", "update jobs set x = 1"), waits("B", "update jobs set x = 1", "A")]), "PASS", "no lock wait"),
        (NeverWaits(), run(waits=[waits("B", "select 1 from jobs for no key update")]), "FAIL", "B waited for somebody else"),
        (NeverWaits(), run(waits=[waits("B", "select * from public.f(20)")], functions=[replace(FUNCTION, body="select 1 FOR  UPDATE OF j")]), "FAIL", "B waited for somebody else"),
        (NeverWaits(), run(waits=[waits("B", "SELECT Outer_One()")], functions=[replace(FUNCTION, name="outer_one", body="select f(1)"), replace(FUNCTION, body="select 1 for share")]), "FAIL", "B waited for somebody else"),
        (NeverWaits(), run(waits=[Wait("B", Point("statement", "update jobs set x = 1"), ("A",))], steps=[Step("A", Point("inside", "UPDATE jobs … before row 1"))]), "PASS", "no lock wait, except for a statement"),
    ],
)  # fmt: skip
def test_finding(check: NeverWaits, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_a_single_instance_shows_nothing() -> None:
    alone = run(instances=RUN.instances[:1])

    concluded = [NeverWaits().conclude([evidence], []) for evidence in (alone, RUN)]

    assert [finding and finding.verdict for finding in concluded] == ["INCONCLUSIVE", None]
