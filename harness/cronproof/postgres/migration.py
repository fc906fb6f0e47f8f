"""Applies SQL files statement by statement, so that an error has its line and column."""

import hashlib
from pathlib import Path

import pglast
import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from cronproof.errors import InvalidFile, Mistake, UsageError
from cronproof.input_files import decode


async def apply_migration(connection: AsyncConnection, file: Path) -> str:
    """Applies a file, and returns the SHA-256 of what was applied.

    Raises:
        UsageError: the file cannot be read.
        InvalidFile: it is not UTF-8, or Postgres refuses a statement, at the given place.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the migration {file}: {error.strerror}") from None
    text = decode(file, content)
    if "\0" in text:
        raise InvalidFile([_mistake(file, text, text.index("\0"), "a NUL, where Postgres would stop reading")])
    try:
        slices = pglast.split(text, only_slices=True)
    except pglast.parser.ParseError:
        slices = (slice(0, len(text)),)  # the server's own syntax error is more familiar
    opened = 0
    for part in slices:
        statement = text[part]
        start = part.start + len(statement) - len(statement.lstrip())
        if connection.info.transaction_status == TransactionStatus.IDLE:
            opened = start
        try:
            await connection.execute(statement.encode())
        except psycopg.Error as error:
            position = part.start + int(error.diag.statement_position) - 1 if error.diag.statement_position else start
            raise InvalidFile([_mistake(file, text, position, error.diag.message_primary or str(error))]) from None
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise InvalidFile([_mistake(file, text, opened, "opens a transaction that stays open; end it with COMMIT")])
    return hashlib.sha256(content).hexdigest()


def _mistake(file: Path, text: str, position: int, message: str) -> Mistake:
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return Mistake(file, line, column, message)
