"""Opens the run's own connections to a server."""

from typing import Any

import psycopg
from psycopg import AsyncConnection

from cronproof.errors import EnvironmentFailed
from cronproof.postgres.server.server import UNCLEAR_DSN, Server

CONNECT_SECONDS = 10
ONLY_ON_REQUEST = 1_000_000  # executions before psycopg prepares a statement unasked


async def connect(server: Server, **parameters: Any) -> AsyncConnection:
    """Opens a connection.

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
        # For a mistyped DSN, libpq's message may contain the password.
        reason = (
            f": {one_line(error)}" if server.where != UNCLEAR_DSN else "; is a character in it not percent-encoded?"
        )
        raise EnvironmentFailed(f"no Postgres answers at {server.where}{reason}") from None


def is_superuser(connection: AsyncConnection) -> bool:
    """Returns whether the login of a connection is a superuser."""
    return connection.info.parameter_status("is_superuser") == "on"


def describe_error(error: psycopg.Error) -> str:
    """Returns the server's message without the statement, which was made around what a user has written."""
    parts = (error.diag.message_primary, error.diag.message_hint)
    return "; ".join(part.rstrip(".") for part in parts if part) or one_line(error)


def one_line(error: Exception) -> str:
    """Returns an error's message in one line."""
    return " ".join(str(error).split())
