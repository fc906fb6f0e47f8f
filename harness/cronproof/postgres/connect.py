"""Connects to a server as its owner: the connections by which the run itself works."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import AsyncConnection

from cronproof.errors import EnvironmentFailed
from cronproof.postgres.server.server import UNCLEAR_DSN, Server

CONNECT_SECONDS = 10
ONLY_ON_REQUEST = 1_000_000  # a statement is prepared after so many times, or at once when it asks for that


async def connect(server: Server, **parameters: Any) -> AsyncConnection:
    """A new connection.

    Raises:
        EnvironmentFailed: no server answers.
    """
    try:
        return await AsyncConnection.connect(
            server.conninfo,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            prepare_threshold=ONLY_ON_REQUEST,
            client_encoding="utf8",
            **parameters,
        )
    except psycopg.Error as error:
        # Of a DSN that is mistyped, libpq's words may repeat what was meant to be the password.
        reason = (
            f": {one_line(error)}" if server.where != UNCLEAR_DSN else "; is a character in it not percent-encoded?"
        )
        raise EnvironmentFailed(f"no Postgres answers at {server.where}{reason}") from None


def one_line(error: Exception) -> str:
    """The words of an error in one line."""
    return " ".join(str(error).split())
