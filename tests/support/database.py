"""Databases, and the event loop that all tests share."""

import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from cronproof.postgres import lifecycle
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server

Await = Callable[[Coroutine[Any, Any, Any]], Any]


@contextlib.contextmanager
def database_with(migrations: Sequence[Path], await_: Await, postgres: Server) -> Iterator[Database]:
    """A database with these migrations, for as long as the block runs."""
    stack = contextlib.AsyncExitStack()
    made: Database = await_(stack.enter_async_context(lifecycle.create_database(postgres)))
    try:
        await_(made.migrate(migrations))
        await_(made.prepare())
        yield made
    finally:
        await_(stack.aclose())
