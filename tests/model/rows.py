"""The rows of a model's world as SQL statements."""

from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb


def insert(table: str, **values: object) -> bytes:
    """The insert of one row: values by column, a dictionary as JSON."""
    literals = [sql.Literal(Jsonb(value) if isinstance(value, dict) else value) for value in values.values()]
    statement = sql.SQL("insert into public.{} ({}) values ({})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(literals)
    )
    return statement.as_bytes()


def tenant(number: int, *, active: bool, config: dict[str, Any], **more: object) -> bytes:
    """The insert of a tenant, with the shared key and its own phone."""
    return insert(
        "tenants",
        id=uuid_of(number),
        name=f"Tenant {number}",
        slug=f"t{number}",
        openphone_api_key="key",
        openphone_phone_id=f"PN{number}",
        workflow_config=config,
        active=active,
        **more,
    )


def uuid_of(number: int) -> str:
    """A UUID that shows its number."""
    return f"00000000-0000-4000-8000-{number:012d}"
