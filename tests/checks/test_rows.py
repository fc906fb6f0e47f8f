"""rows, on evidence made by hand."""

import pytest

from cronproof.checks.rows import Rows
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    EVENTS,
    assert_finding,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (Rows({"system_events": [{"job_id": "32"}, {"job_id": "32"}]}), EVENTS, "PASS", "2 in system_events"),
        (Rows({"system_events": [{"job_id": "32"}] * 3}), EVENTS, "FAIL", 'system_events has no row with {"job_id": "32"}'),
        (Rows({"system_events": [{"nothing": None}]}), EVENTS, "FAIL", 'system_events has no row with {"nothing": null}'),
        (Rows.model_validate({"system_events": {"count": 2}}), EVENTS, "PASS", "2 in all in system_events"),
        (Rows.model_validate({"system_events": {"count": 1}}), EVENTS, "FAIL", "system_events has 2 rows, not 1"),
        (Rows.model_validate({"jobs": {"count": 0}, "system_events": []}), run(after={}), "PASS", "0 in all in jobs"),
        (Rows.model_validate({"system_events": {"count": 2, "rows": [{"job_id": "7"}]}}), EVENTS, "FAIL", "system_events has no row with"),
    ],
)  # fmt: skip
def test_finding(check: Rows, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_without_a_row_nothing_is_shown() -> None:
    assert_finding(Rows.model_validate({"jobs": []}), run(), "INCONCLUSIVE", "no row is named")
