"""The reset: every table emptied, sequences restarted, a scenario's rows inserted, in one round trip.

Deleting is cheaper than truncating for tables of a few rows: it makes no new files. Tables that refer to each other in a
circle are truncated together.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from cronproof.postgres.catalog import Catalog, NumberSequence, Table
from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Script:
    """What makes the database what a scenario finds. As a function, it is parsed and planned only once."""

    name: str
    """That of the function."""
    emptying: Emptying
    numbers: Sequence[tuple[str, int]]
    """Each sequence, by its name, and the number it goes on with."""
    inserts: Sequence[bytes]
    clock: datetime | None = None
    """The time from which those of the rows count, where it is not the server's."""
    has_function: bool = False

    @functools.cached_property
    def uuids(self) -> list[uuid.UUID]:
        """Those that the rows give: any other was made up."""
        return [uuid.UUID(found.decode()) for found in sorted(set(_UUID.findall(b";".join(self.inserts).lower())))]

    @property
    def text(self) -> bytes:
        """The statements."""
        return self._joined(b"select", self.emptying.text)

    @property
    def function(self) -> bytes:
        """The statement that makes the function."""
        body = self.emptying.declarations + b" begin " + self._joined(b"perform", self.emptying.block) + b"; end"
        create = sql.SQL("create function cronproof.{}() returns void language plpgsql as {}")
        return create.format(sql.Identifier(self.name), sql.Literal(body.decode())).as_bytes()

    @functools.cached_property
    def call(self) -> bytes:
        """The statement that calls the function, and says when: by the server's clock, and the number of the transaction."""
        call = sql.SQL("select now(), pg_current_xact_id()::xid, cronproof.{}()")
        return call.format(sql.Identifier(self.name)).as_bytes()

    def _joined(self, calling: bytes, emptying: bytes) -> bytes:
        """The statements behind those that empty the tables. `calling` is the word by which functions are called."""
        restart = sql.SQL(", ").join(
            sql.SQL("setval({}, {}, false)").format(sql.Literal(name), number) for name, number in self.numbers
        )
        numbers = [calling + b" " + restart.as_bytes()] if self.numbers else []
        return b"; ".join([emptying, *numbers, *self.inserts])


@dataclass(frozen=True)
class Emptying:
    """What deletes all rows, and the log of claims: as statements, and as a block of PL/pgSQL."""

    catalog: Catalog

    declarations = b"declare n bigint; deleted bigint;"

    @property
    def text(self) -> bytes:
        """The statements."""
        statements = [_emptied(_names(tables)) for tables in self.catalog.groups]
        return sql.SQL("; ").join([*statements, _FORGET]).as_bytes()

    @property
    def block(self) -> bytes:
        """The statements. A deletion can set off triggers that write elsewhere: then again, until nothing is left."""
        again = self.catalog.triggers_on_delete
        parts = []
        for tables in self.catalog.groups:
            names = _names(tables)
            part = _emptied(names) + sql.SQL(";")
            if len(names) > 1:  # truncating takes a millisecond, even where there is nothing
                rows = sql.SQL(" or ").join(sql.SQL("exists (select from {})").format(name) for name in names)
                part = sql.SQL("if {} then {} end if;").format(rows, part)
            elif again:
                part += sql.SQL(" get diagnostics n = row_count; deleted := deleted + n;")
            parts.append(part)
        once = sql.SQL(" ").join(parts)
        loop = sql.SQL("loop deleted := 0; {} exit when deleted = 0; end loop;").format(once)
        return ((loop if again else once) + sql.SQL(" ") + _FORGET).as_bytes()


def _names(tables: Sequence[Table]) -> list[sql.Identifier]:
    return [sql.Identifier(table.schema, table.name) for table in tables]


def _emptied(names: Sequence[sql.Identifier]) -> sql.Composed:
    statement = "delete from {}" if len(names) == 1 else "truncate {} cascade"
    return sql.SQL(statement).format(sql.SQL(", ").join(names))


_FORGET = sql.SQL("delete from cronproof.claim_writes")


def next_numbers(sequences: Sequence[NumberSequence]) -> str:
    """The query for the next value of each sequence after explicit ids; NULL where the sequence gave them all."""
    return "select " + ", ".join(map(_next_number, sequences))


def _next_number(sequence: NumberSequence) -> str:
    if sequence.table is None:
        return str(sequence.start)
    return _SQL["next_number"].format(**vars(sequence))  # names as SQL has them
