"""Queries of scenarios, which may look at everything and change nothing."""

from typing import Any

from psycopg import AsyncConnection, sql

from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)


async def ask(control: AsyncConnection, query: str) -> list[dict[str, Any]]:
    """Returns the rows of a query as JSON.

    Raises:
        psycopg.Error: the database refuses it, or it would write.
    """
    text = sql.SQL(query.strip().rstrip(";"))
    async with control.transaction():
        await control.execute("set transaction read only")
        cursor = await control.execute(sql.SQL(_SQL["ask"]).format(query=text), prepare=True)
        ((answer,),) = await cursor.fetchall()
    rows: list[dict[str, Any]] = answer
    return rows
