"""Tenants: whose rows they are, and which keys of the main service they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TENANTS = "tenants"
TENANT_COLUMN = "tenant_id"
_KEY_COLUMN = "openphone_api_key"

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def find_slugs(tables: Iterable[Tables]) -> dict[str, Any]:
    """The ids of all tenants by their slugs: scenarios name tenants so."""
    rows = (row for table in tables for row in table.get(TENANTS, ()))
    return {row["slug"]: row["id"] for row in rows if isinstance(row.get("slug"), str) and "id" in row}


def find_api_keys(tables: Iterable[Tables]) -> set[str]:
    """The keys of all tenants."""
    rows = (row for table in tables for row in table.get(TENANTS, ()))
    return {row[_KEY_COLUMN] for row in rows if row.get(_KEY_COLUMN)}
