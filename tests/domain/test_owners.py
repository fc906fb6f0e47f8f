"""The owners of rows."""

from typing import Any

from cronproof.domain.owners import Owners

OWNERS = Owners(
    "tenant",
    "tenants",
    "id",
    "tenant_id",
    "slug",
    ["openphone_api_key"],
    ["openphone_api_key", "openphone_phone_id", "telegram_bot_token"],
)
TABLES: list[dict[str, list[dict[str, Any]]]] = [
    {"tenants": [{"id": 1, "slug": "acme", "openphone_api_key": "key-1"}, {"id": 2, "slug": "other"}]},
    {"tenants": [{"id": 3, "slug": "third", "openphone_api_key": None}, {"slug": "without-id"}], "jobs": [{"id": 9}]},
    {},
]


def test_owners_are_found_by_name_in_all_tables() -> None:
    assert OWNERS.find_names(TABLES) == {"acme": 1, "other": 2, "third": 3}


def test_only_keys_that_are_set_are_keys() -> None:
    assert OWNERS.find_api_keys(TABLES) == {"key-1"}


def test_a_credential_has_every_owner_that_has_it() -> None:
    shared = {"tenants": [{"id": 4, "openphone_api_key": "key-1", "openphone_phone_id": "PN4"}]}

    assert OWNERS.find_credentials([*TABLES, shared]) == {"key-1": {"1", "4"}, "PN4": {"4"}}


def test_a_recipient_may_stand_in_json() -> None:
    rows = {"tasks": [{"payload": {"to": ["1"]}, "tenant_id": 2}], "customers": [{"phone": "1", "tenant_id": 1}]}

    assert OWNERS.find_owners(rows, "1") == {"1", "2"}


def test_a_recipient_has_the_owners_of_the_rows_that_hold_it() -> None:
    rows: dict[str, list[dict[str, Any]]] = {
        "customers": [{"phone": "1", "tenant_id": 1}, {"phone": "2", "tenant_id": 2}],
        "leads": [{"contact": "1"}],
    }

    assert [OWNERS.find_owners(rows, recipient) for recipient in ("1", "2", "3")] == [{"1"}, {"2"}, set()]
