"""The reset: empties tables, restarts sequences and inserts rows, in one round trip.

DELETE is cheaper than TRUNCATE for small tables, since it creates no files. Tables whose
references form a cycle are truncated together.

Once in a hundred times or so, the space that deleted rows leave would have the new ones lie in another
order, which `limit` and locks depend on where a statement does not sort; or a table has grown by a page, from
which the planner infers that it has more rows, and takes another plan. Then the tables are truncated.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import AsyncConnection, sql

from cronproof.postgres.catalog import Catalog, NumberSequence, Table
from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Script:
    """Resets the database to a scenario's rows. As a function it is parsed and planned once."""

    name: str
    """The function's name."""
    emptying: Emptying
    numbers: Sequence[tuple[str, int]]
    """Each sequence by name, with its next number."""
    inserts: Sequence[bytes]
    clock: datetime | None = None
    """The time from which times in the rows count; None for the server's."""
    has_function: bool = False
    sizes: Sequence[int] = ()
    """The size of each table that has rows in bytes, after the first reset."""
    filled: Sequence[Table] = ()
    """The tables that have rows."""
    sorted: Sequence[Table] = ()
    """The tables in which several rows must lie in the order of their inserts."""

    @functools.cached_property
    def uuids(self) -> list[uuid.UUID]:
        """The UUIDs in the rows. Any other was generated."""
        return [uuid.UUID(found.decode()) for found in sorted(set(_UUID.findall(b";".join(self.inserts).lower())))]

    @property
    def text(self) -> bytes:
        """The script as plain statements."""
        return self._joined(b"select", self.emptying.text)

    @property
    def function(self) -> bytes:
        """The statement that creates the function."""
        query = sql.SQL(_SQL["disordered"])
        checks = [sql.SQL("({})").format(query.format(table.identifier)) for table in self.sorted]
        check = sql.SQL("coalesce({}, false)").format(sql.SQL(" or ").join(checks)) if checks else sql.SQL("false")
        work = self._joined(b"perform", self.emptying.block)
        body = self.emptying.declarations + b" begin " + work + b"; return " + check.as_bytes() + b"; end"
        create = sql.SQL("create function cronproof.{}() returns boolean language plpgsql as {}")
        return create.format(sql.Identifier(self.name), sql.Literal(body.decode())).as_bytes()

    @functools.cached_property
    def call(self) -> bytes:
        """The statement that calls the function, and returns the time, the transaction's id, whether
        rows lie in another order than they were inserted in, and the size of each table in bytes.
        """
        call = sql.SQL("select now(), pg_current_xact_id()::xid, cronproof.{}(), array[{}]::bigint[]")
        tables = [sql.Literal(table.identifier.as_string()) for table in self.filled]
        sizes = sql.SQL(", ").join(map(sql.SQL("pg_relation_size({}::regclass)").format, tables))
        return call.format(sql.Identifier(self.name), sizes).as_bytes()

    def _joined(self, calling: bytes, emptying: bytes) -> bytes:
        """Joins the statements. `calling` is the keyword for calls: select or perform."""
        restart = sql.SQL(", ").join(
            sql.SQL("setval({}, {}, false)").format(sql.Literal(name), number) for name, number in self.numbers
        )
        numbers = [calling + b" " + restart.as_bytes()] if self.numbers else []
        return b"; ".join([emptying, *numbers, *self.inserts])


@dataclass(frozen=True)
class Emptying:
    """Deletes all rows and the log of claims, as statements or as a PL/pgSQL block."""

    catalog: Catalog

    declarations = b"declare n bigint; deleted bigint;"

    @property
    def text(self) -> bytes:
        """The plain statements."""
        statements = [_emptied(_names(tables)) for tables in self.catalog.groups]
        return sql.SQL("; ").join([*statements, _CLEAR_CLAIM_LOG]).as_bytes()

    @property
    def block(self) -> bytes:
        """The PL/pgSQL block. If deletions fire triggers, it loops until nothing is left."""
        again = self.catalog.triggers_on_delete
        parts = []
        for tables in self.catalog.groups:
            names = _names(tables)
            part = _emptied(names) + sql.SQL(";")
            if len(names) > 1:  # TRUNCATE takes 1 ms even for empty tables
                rows = sql.SQL(" or ").join(sql.SQL("exists (select from {})").format(name) for name in names)
                part = sql.SQL("if {} then {} end if;").format(rows, part)
            elif again:
                part += sql.SQL(" get diagnostics n = row_count; deleted := deleted + n;")
            parts.append(part)
        once = sql.SQL(" ").join(parts)
        loop = sql.SQL("loop deleted := 0; {} exit when deleted = 0; end loop;").format(once)
        return ((loop if again else once) + sql.SQL(" ") + _CLEAR_CLAIM_LOG).as_bytes()


def _names(tables: Sequence[Table]) -> list[sql.Identifier]:
    return [table.identifier for table in tables]


def _emptied(names: Sequence[sql.Identifier]) -> sql.Composed:
    return sql.SQL("delete from {}").format(*names) if len(names) == 1 else _truncated(names)


def truncation(tables: Sequence[Table]) -> bytes:
    """Builds the statement after which rows of these tables lie in the order in which they are inserted, from the first page on."""
    return _truncated(_names(tables)).as_bytes()


def _truncated(names: Sequence[sql.Identifier]) -> sql.Composed:
    return sql.SQL("truncate {} cascade").format(sql.SQL(", ").join(names))


_CLEAR_CLAIM_LOG = sql.SQL("with given as (delete from cronproof.given_claims) delete from cronproof.claim_writes")


def count_rows(tables: Sequence[Table]) -> bytes:
    """Builds the query for how many rows tables have, two at most: a column for each."""
    count = sql.SQL(_SQL["count"])
    return sql.SQL("select {}").format(sql.SQL(", ").join(count.format(t.identifier) for t in tables)).as_bytes()


def next_numbers(sequences: Sequence[NumberSequence]) -> str:
    """Builds the query for each sequence's next value past higher explicit ids, or NULL."""
    return "select " + ", ".join(map(_next_number, sequences))


def _next_number(sequence: NumberSequence) -> str:
    if sequence.table is None:
        return str(sequence.start)
    return _SQL["next_number"].format(**vars(sequence))  # these are SQL identifiers


async def find_refused(control: AsyncConnection, emptying: Emptying, inserts: Sequence[bytes]) -> list[tuple[int, str]]:
    """Returns which statements an empty database refuses: their position, and the reason. Nothing is left of them."""
    refused = []
    async with control.transaction(force_rollback=True):
        await control.execute(emptying.text)
        for position, statement in enumerate(inserts):
            try:
                async with control.transaction():
                    await control.execute(statement)
            except psycopg.Error as error:
                refused.append((position, str(error.diag.message_primary or error)))
        if inserts and not refused:  # then it is what is checked at the end of the transaction
            try:
                await control.execute("set constraints all immediate")
            except psycopg.Error as error:
                refused.append((len(inserts) - 1, str(error.diag.message_primary or error)))
    return refused
