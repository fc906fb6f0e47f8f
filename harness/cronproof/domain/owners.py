"""The owners of rows, here tenants: their slugs, and their API keys for the main service."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

OWNER = "tenant"
"""The word for an owner in messages."""
OWNERS = "tenants"
"""The table of the owners."""
OWNER_COLUMN = "tenant_id"
_KEY_COLUMN = "openphone_api_key"

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def find_slugs(tables: Iterable[Tables]) -> dict[str, Any]:
    """Returns the ids of all owners by slug, the name that scenarios use."""
    rows = (row for table in tables for row in table.get(OWNERS, ()))
    return {row["slug"]: row["id"] for row in rows if isinstance(row.get("slug"), str) and "id" in row}


def find_api_keys(tables: Iterable[Tables]) -> set[str]:
    """Returns the API keys of all owners."""
    rows = (row for table in tables for row in table.get(OWNERS, ()))
    return {row[_KEY_COLUMN] for row in rows if row.get(_KEY_COLUMN)}
