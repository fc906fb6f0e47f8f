"""The owners of rows."""

from typing import Any

from cronproof.domain.owners import find_api_keys, find_slugs

TABLES: list[dict[str, list[dict[str, Any]]]] = [
    {"tenants": [{"id": 1, "slug": "acme", "openphone_api_key": "key-1"}, {"id": 2, "slug": "other"}]},
    {"tenants": [{"id": 3, "slug": "third", "openphone_api_key": None}, {"slug": "without-id"}], "jobs": [{"id": 9}]},
    {},
]


def test_owners_are_found_by_slug_in_all_tables() -> None:
    assert find_slugs(TABLES) == {"acme": 1, "other": 2, "third": 3}


def test_only_keys_that_are_set_are_keys() -> None:
    assert find_api_keys(TABLES) == {"key-1"}
