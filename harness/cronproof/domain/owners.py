"""The owners of rows, here tenants: their slugs, and their API keys for the main service."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cronproof.domain.work import texts_in

OWNER = "tenant"
"""The word for an owner in messages."""
OWNERS = "tenants"
"""The table of the owners."""
OWNER_COLUMN = "tenant_id"
_KEY_COLUMN = "openphone_api_key"
_CREDENTIAL_COLUMNS = (_KEY_COLUMN, "openphone_phone_id", "telegram_bot_token")
"""The columns of what an owner alone sends with: keys, numbers, bots."""

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def find_slugs(tables: Iterable[Tables]) -> dict[str, Any]:
    """Returns the ids of all owners by slug, the name that scenarios use."""
    rows = (row for table in tables for row in table.get(OWNERS, ()))
    return {row["slug"]: row["id"] for row in rows if isinstance(row.get("slug"), str) and "id" in row}


def find_api_keys(tables: Iterable[Tables]) -> set[str]:
    """Returns the API keys of all owners."""
    rows = (row for table in tables for row in table.get(OWNERS, ()))
    return {row[_KEY_COLUMN] for row in rows if row.get(_KEY_COLUMN)}


def find_credentials(tables: Iterable[Tables]) -> dict[str, frozenset[str]]:
    """Returns the ids of the owners of each credential: an API key, a number, a bot's token."""
    rows = [row for table in tables for row in table.get(OWNERS, ()) if row.get("id") is not None]
    owners: dict[str, frozenset[str]] = {}
    for row in rows:
        for credential in (row[column] for column in _CREDENTIAL_COLUMNS if row.get(column)):
            owners[credential] = owners.get(credential, frozenset()) | {str(row["id"])}
    return owners


def find_owners(rows: Tables, recipient: str) -> frozenset[str]:
    """Returns the ids of the owners of the rows that hold a recipient."""
    return frozenset(
        str(row[OWNER_COLUMN])
        for table in rows.values()
        for row in table
        if row.get(OWNER_COLUMN) is not None and recipient in texts_in(row)
    )
