"""Databases, and the event loop that all tests share."""

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from cronproof.domain.work import Work
from cronproof.postgres import lifecycle
from cronproof.postgres.database import Database
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server

Await = Callable[[Coroutine[Any, Any, Any]], Any]


@contextlib.contextmanager
def database_with(
    migrations: Sequence[Path], await_: Await, postgres: Server, works: Sequence[Work] = ()
) -> Iterator[Database]:
    """A database with these migrations, for as long as the block runs."""
    stack = contextlib.AsyncExitStack()
    made: Database = await_(stack.enter_async_context(lifecycle.create_database(postgres)))
    try:
        await_(made.migrate(migrations))
        await_(made.prepare(works))
        yield made
    finally:
        await_(stack.aclose())


@contextlib.asynccontextmanager
async def given_to_a_fair_login() -> AsyncIterator[tuple[Server, Server]]:
    """A fresh server, and the same as if the user had given the DSN of a login that is no superuser."""
    async with server.open_server("embedded") as fresh:
        with psycopg.connect(fresh.conninfo, autocommit=True) as sql:
            sql.execute("create role fair login createdb createrole bypassrls")
        yield fresh, replace(fresh, conninfo=fresh.conninfo.replace("user=postgres", "user=fair"), disposable=False)
