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
    label = Point(
        "statement",
        f"select {', '.join(['a_column'] * 20)} from claim_jobs_for_followup($1)",
        "claim_jobs_for_followup",
    ).label

    assert label.startswith("select a_column")
    assert "claim_jobs_for_followup" in label
    assert len(label) < 100


def test_a_statement_claims_if_it_has_a_word_for_it() -> None:
    assert Point("statement", "select 1 from jobs", "jobs").is_claim
    assert not Point("statement", "select 1").is_claim
    assert Point("statement", "select 1", "jobs") == Point("statement", "select 1")
