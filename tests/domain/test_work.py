"""Units of work."""

import pytest

from cronproof.domain.work import UnitId, Work, in_order, join_key, name_units


@pytest.mark.parametrize(
    ("key", "unit"), [([32], 32), (["a-b"], "a-b"), ([7, "2026-11"], "7/2026-11"), ([None], "None"), ([True], True)]
)
def test_a_key_of_several_columns_is_joined(key: list[object], unit: UnitId) -> None:
    assert join_key(key) == unit


def test_a_unit_is_known_by_the_columns_of_its_key() -> None:
    work = Work("digest", "digests", ["send"], "digest", key=["account", "month"])

    assert work.id_of({"month": "2026-11", "account": 7, "sent": False}) == "7/2026-11"


def test_how_units_are_named_and_sorted() -> None:
    assert (name_units("job", [32]), name_units("job", [32, 33, 34])) == ("job 32", "jobs 32, 33 and 34")
    assert name_units("copy", [1, 2]) == "copies 1 and 2"
    assert name_units("day", [1, 2]) == "days 1 and 2"
    assert name_units("emails", [1, 2]) == "emails 1 and 2"
    assert in_order(["b", 10, 9, "a"]) == [9, 10, "a", "b"]
