"""What is taken for a point in time."""

import calendar
import re

import pytest

from cronproof.postgres.points_in_time import ISO


@pytest.mark.parametrize("year", [1999, 2024, 2026, 2096, 2100])
def test_only_days_that_there_are_count(year: int) -> None:
    taken = {
        (month, day)
        for month in range(14)
        for day in range(33)
        if re.fullmatch(ISO, f"{year}-{month:02}-{day:02}T08:00:00Z")
    }

    there_are = {(month, day) for month in range(1, 13) for day in range(1, calendar.monthrange(year, month)[1] + 1)}
    assert taken == there_are


@pytest.mark.parametrize("text", ["2026-03-08 10:00", "2026-03-08", "at 2026-03-08 10:00:00", "2026-03-08 24:00:00"])
def test_other_texts_are_no_times(text: str) -> None:
    assert not re.fullmatch(ISO, text)
