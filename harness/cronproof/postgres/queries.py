"""Queries of scenarios, which may look at everything and change nothing."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection, sql
from psycopg.rows import dict_row

from cronproof.postgres.proxy.footprints import Lock
from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)
_BEGIN = "set transaction read only"
_BEGIN_WITHOUT_WAITING = f"{_BEGIN}; set local lock_timeout = 1"  # ms


async def ask(control: AsyncConnection, query: str, *, waits: bool = True) -> list[dict[str, Any]]:
    """Returns the rows of a query as JSON.

    Raises:
        psycopg.errors.LockNotAvailable: somebody has locked a whole table, and it does not wait.
        psycopg.Error: the database refuses it, or it would write.
    """
    async with _asked(control, query, waits=waits) as rows:
        return rows


def ask_function(conninfo: str, function: Callable[[Connection[Any]], Any]) -> list[dict[str, Any]]:
    """Returns the rows that a function finds; what it asserts in vain is one. It cannot write."""
    with psycopg.connect(conninfo, row_factory=dict_row) as connection:
        connection.read_only = True
        try:
            found = function(connection)
        except AssertionError as error:
            return [{"assertion": str(error).splitlines()[0] if str(error) else "it is false"}]
    return json.loads(json.dumps(list(found or ()), default=str))  # type: ignore[no-any-return]  # as rows of SQL are


async def find_read(
    control: AsyncConnection, query: str, fetch_locks: Callable[[int], Awaitable[Sequence[Lock]]]
) -> Collection[str]:
    """Returns the tables that a query reads: those that it has locked.

    Raises:
        psycopg.Error: the database refuses it, or it would write.
    """
    async with _asked(control, query, waits=True):
        locks = await fetch_locks(control.info.backend_pid)
    return {name for lock_type, _, name, _ in locks if lock_type == "relation" and name}


@contextlib.asynccontextmanager
async def _asked(control: AsyncConnection, query: str, *, waits: bool) -> AsyncIterator[list[dict[str, Any]]]:
    text = sql.SQL(query.strip().rstrip(";"))
    async with control.transaction():
        await control.execute(_BEGIN if waits else _BEGIN_WITHOUT_WAITING)
        cursor = await control.execute(sql.SQL(_SQL["ask"]).format(query=text), prepare=True)
        ((answer,),) = await cursor.fetchall()
        yield answer
