"""A server that is given, and a look at it from outside."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from cronproof.postgres.server.server import Server


@pytest.fixture
def given(postgres: Server) -> Server:
    """The test server, as if the user had given its DSN."""
    return replace(postgres, where="given", disposable=False)


@pytest.fixture
def sql(postgres: Server) -> Iterator[psycopg.Connection]:
    """A connection as the owner of the server."""
    with psycopg.connect(postgres.conninfo, autocommit=True) as connection:
        yield connection
