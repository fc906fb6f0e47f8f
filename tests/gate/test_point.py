"""How a scheduling point is named, and which ones claim."""

import pytest

from cronproof.gate.point import Point


@pytest.mark.parametrize(
    ("point", "label"),
    [
        (Point("start"), "start"),
        (Point("statement", "select\n  1 -- one\n"), "select 1"),
        (Point("statement", "/* why */ commit"), "commit"),
        (Point("call", "openphone POST /v1/messages"), "openphone POST /v1/messages"),
        (Point("answer", "openphone POST /v1/messages"), "openphone POST /v1/messages answered"),
    ],
)
def test_a_label_is_one_short_line(point: Point, label: str) -> None:
    assert point.label == label


def test_a_long_statement_keeps_the_name_that_matters() -> None:
    label = Point("statement", f"select {', '.join(['a_column'] * 20)} from claim_jobs_for_followup($1)").label

    assert label.startswith("select a_column")
    assert "claim_jobs_for_followup" in label
    assert len(label) < 100


@pytest.mark.parametrize(
    ("sql", "claims"),
    [
        ("select * from claim_jobs_for_followup($1)", True),
        ("select id from public.jobs", True),
        ("select id from public.tenants", False),
        ("select 1 -- about jobs", False),
        ("COMMIT", False),
    ],
)
def test_which_statement_claims(sql: str, claims: bool) -> None:
    assert Point("statement", sql).is_claim is claims
    assert not Point("call", sql).is_claim
