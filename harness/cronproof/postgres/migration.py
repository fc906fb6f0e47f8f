"""Applies SQL files statement by statement, so that an error has its line and column."""

import hashlib
from pathlib import Path

import pglast
import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from cronproof.errors import UsageError


async def apply_migration(connection: AsyncConnection, file: Path, edited: str | None = None) -> str:
    """Applies a file, or its edited text, and returns the SHA-256 of what was applied.

    Raises:
        UsageError: the file cannot be read, or Postgres refuses a statement at the given line.
    """
    try:
        content = file.read_bytes() if edited is None else edited.encode()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the migration {file}: {error}") from None
    if "\0" in text:
        raise UsageError(
            f"{file}:{text[: text.index(chr(0))].count(chr(10)) + 1}:1: a NUL, where Postgres would stop reading"
        )
    try:
        slices = pglast.split(text, only_slices=True)
    except pglast.parser.ParseError:
        slices = (slice(0, len(text)),)  # the server's own syntax error is more familiar
    for part in slices:
        statement = text[part]
        try:
            await connection.execute(statement.encode())
        except psycopg.Error as error:
            start = part.start + len(statement) - len(statement.lstrip())
            position = part.start + int(error.diag.statement_position) - 1 if error.diag.statement_position else start
            line = text.count("\n", 0, position) + 1
            column = position - (text.rfind("\n", 0, position) + 1) + 1
            raise UsageError(f"{file}:{line}:{column}: {error.diag.message_primary or error}") from None
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError(f"{file}: leaves a transaction open; end it with COMMIT")
    return hashlib.sha256(content).hexdigest()
