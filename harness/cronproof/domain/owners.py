"""The owner of a row, here a tenant: how scenarios name it, and which keys of the main service it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

OWNER = "tenant"
"""What an owner is called in sentences."""
OWNERS = "tenants"
"""The table of the owners."""
OWNER_COLUMN = "tenant_id"
_KEY_COLUMN = "openphone_api_key"

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def find_slugs(tables: Iterable[Tables]) -> dict[str, Any]:
    """The ids of all owners by their slugs: scenarios name owners so."""
    rows = (row for table in tables for row in table.get(OWNERS, ()))
    return {row["slug"]: row["id"] for row in rows if isinstance(row.get("slug"), str) and "id" in row}


def find_api_keys(tables: Iterable[Tables]) -> set[str]:
    """The keys of all owners."""
    rows = (row for table in tables for row in table.get(OWNERS, ()))
    return {row[_KEY_COLUMN] for row in rows if row.get(_KEY_COLUMN)}
