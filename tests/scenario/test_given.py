"""`given`: what is there before the crons are called."""

import pytest
from pydantic import ValidationError

from cronproof.scenario.given import Given, rows_of


def test_rows_are_repeated_in_their_place() -> None:
    given = Given.model_validate({"rows": {"jobs": [{"id": 1}, {"repeat": 2, "row": {"id": 5}}, {"id": 9}]}})

    assert list(rows_of(given.rows["jobs"])) == [
        (0, 0, {"id": 1}),
        (1, 0, {"id": 5}),
        (1, 1, {"id": 5}),
        (2, 0, {"id": 9}),
    ]
    assert given.flat_rows == {"jobs": [{"id": 1}, {"id": 5}, {"id": 5}, {"id": 9}]}


def test_the_clock_stands_at_a_time_of_a_place() -> None:
    clock = Given.model_validate({"clock": "2026-03-08 08:00 America/Los_Angeles"}).clock

    assert clock is not None
    assert clock.isoformat() == "2026-03-08T08:00:00-07:00"


@pytest.mark.parametrize("clock", ["2026-03-08 08:00", "08:00 Mars/Olympus", "soon", 8, ["2026-03-08"]])
def test_what_is_no_time_of_a_place_is_told_with_an_example(clock: object) -> None:
    with pytest.raises(ValidationError, match="say when, and where: `2026-03-08 08:00 America/Los_Angeles`"):
        Given.model_validate({"clock": clock})


def test_places_to_choose_are_those_with_any_alone() -> None:
    rows = [
        {"id": 1, "status": {"any": ["a", "b"]}, "data": {"any": 1}, "x": {"any": ["a", "b"], "y": 1}},
        {"repeat": 2, "row": {"at": {"any": [1, 2]}}},
    ]

    places = [place for place, _, _ in Given.model_validate({"rows": {"jobs": rows}}).places_to_choose()]

    assert places == [("given", "rows", "jobs", 0, "status"), ("given", "rows", "jobs", 1, "row", "at")]
