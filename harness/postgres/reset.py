"""The reset: every table emptied, sequences restarted, a scenario's rows inserted, in one round trip.

Deleting is cheaper than truncating for tables of a few rows: it makes no new files.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from harness.postgres.catalog import Catalog, NumberSequence


@dataclass
class Script:
    """What makes the database what a scenario finds. As a function, it is parsed and planned only once."""

    name: str
    """That of the function."""
    empty: bytes
    numbers: Sequence[tuple[str, int]]
    """Each sequence, by its name, and the number it goes on with."""
    inserts: Sequence[bytes]
    has_function: bool = False

    @property
    def text(self) -> bytes:
        """The statements."""
        return self._joined(b"select")

    @property
    def function(self) -> bytes:
        """The statement that makes the function."""
        body = b"begin " + self._joined(b"perform") + b"; end"
        create = sql.SQL("create function cronproof.{}() returns void language plpgsql as {}")
        return create.format(sql.Identifier(self.name), sql.Literal(body.decode())).as_bytes()

    @functools.cached_property
    def call(self) -> bytes:
        """The statement that calls the function, and says when: by the server's clock, and the number of the transaction."""
        call = sql.SQL("select now(), pg_current_xact_id()::xid, cronproof.{}()")
        return call.format(sql.Identifier(self.name)).as_bytes()

    def _joined(self, calling: bytes) -> bytes:
        """The statements; `calling` is the word by which functions are called."""
        restart = sql.SQL(", ").join(
            sql.SQL("setval({}, {}, false)").format(sql.Literal(name), number) for name, number in self.numbers
        )
        numbers = [calling + b" " + restart.as_bytes()] if self.numbers else []
        return b"; ".join([self.empty, *numbers, *self.inserts])


def emptying(catalog: Catalog) -> bytes:
    """The statements that delete all rows, and what was logged of marks."""
    deletes = [sql.SQL("delete from {}").format(sql.Identifier(t.schema, t.name)) for t in catalog.deletable]
    return sql.SQL("; ").join([*deletes, sql.SQL("delete from cronproof.flag_writes")]).as_bytes()


def following(sequences: Sequence[NumberSequence]) -> str:
    """The query for the number behind those that rows were given, of each sequence; NULL, where it gave them all."""
    return "select " + ", ".join(map(_following, sequences))


def _following(sequence: NumberSequence) -> str:
    if sequence.table is None:
        return str(sequence.start)
    return f"""(
        select case when highest.id > s.last_value or not s.is_called then highest.id + 1 end
        from {sequence.name} as s, (select max({sequence.column}) as id from {sequence.table}) as highest
    )"""  # noqa: S608  (names as SQL has them)
