"""body, on evidence made by hand."""

import pytest

from cronproof.checks.body import Body
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
        (Body({"success": True}), RUN, "PASS", '{"success":true}'),
        (Body({"success": 1}), RUN, "FAIL", 'A answered {"success": true, "processed": 1}: success is true, not 1'),
        (Body({"errors": 0}), RUN, "FAIL", 'A answered {"success": true, "processed": 1}: errors is missing'),
        (Body({}), run(responses=[CronResponse("A", 502, "<html>")]), "FAIL", 'A answered "<html>": the body is "<html>", not {}'),
    ],
)  # fmt: skip
def test_finding(check: Body, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_without_an_answer_nothing_is_shown() -> None:
    assert_finding(Body.model_validate({}), run(responses=[]), "INCONCLUSIVE", "no instance was left to answer")
