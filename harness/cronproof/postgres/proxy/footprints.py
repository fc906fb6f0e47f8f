"""What a statement touched, read off the locks that Postgres holds for its transaction.

A transaction keeps the lock of every table that it read or wrote, in functions, triggers and foreign keys too, until it
ends. So the server itself says what was touched, and it is asked before the transaction can end: of a statement that
is a transaction of its own, the Sync that would end it is held back.

Where locks do not tell all, everything is taken to be touched: an error (it has given up its locks), advisory locks,
notifications, savepoints, any statement that is not plain DML, any strange kind of lock. And where functions of the
database can hide what they did, the reason is in `Catalog.opaque`, and no statement counts as known.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pglast
from pglast import ast

from cronproof.gate.footprint import EVERYTHING, NOTHING, Access, Footprint, Keys, stronger
from cronproof.postgres.proxy.named_rows import KeyedTable, named_rows
from cronproof.postgres.proxy.wire import Execution

Kind = Literal["dml", "begin", "end", "session", "other"]

# Functions by which a query can learn or do what no lock of its transaction shows.
_TELLING = re.compile(
    r"\b(pg_(?!catalog\b|sleep\b)\w+|lo_\w+|dblink\w*|set_config|txid_\w+|setval|lastval|information_schema)",
    re.IGNORECASE,
)
# READ COMMITTED is what there is without a word; drivers name it all the same.
_ISOLATION = re.compile(r"\bisolation\b(?!\s+level\s+read\s+committed\b)|_isolation\b", re.IGNORECASE)
_TRANSACTION: dict[str, Kind] = {
    "TRANS_STMT_BEGIN": "begin",
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_COMMIT": "end",
    "TRANS_STMT_ROLLBACK": "end",
}
_MODES: dict[str, Access] = {
    "AccessShareLock": "read",
    "RowShareLock": "lock",
    "RowExclusiveLock": "write",
}
_OF_NO_MATTER = frozenset({"virtualxid", "transactionid", "tuple"})  # the server's own, for rows and transactions


@functools.lru_cache(maxsize=4096)
def kind_of(sql: str) -> Kind:
    """What a statement is: DML, the begin or end of a transaction, a setting of the session, or something else."""
    try:
        statements = pglast.parse_sql(sql)
    except pglast.parser.ParseError:
        return "other"
    if len(statements) != 1 or _TELLING.search(sql) or changes_isolation(sql):
        return "other"
    match statements[0].stmt:
        case ast.SelectStmt(intoClause=None) | ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
            return "dml"
        case ast.TransactionStmt(kind=kind, options=options) if not options or _says_isolation(options):
            return _TRANSACTION.get(getattr(kind, "name", ""), "other")
        case ast.VariableSetStmt() | ast.VariableShowStmt():
            return "session"
        case _:
            return "other"


def changes_isolation(text: str) -> bool:
    """Whether a statement, or the parameters of a login, may set a level under which transactions see an earlier state."""
    return _ISOLATION.search(text) is not None and not text.lstrip()[:5].lower().startswith("show ")


def _says_isolation(options: Sequence[ast.DefElem]) -> bool:
    return all(option.defname == "transaction_isolation" for option in options)


Lock = tuple[str, str, str | None, bool]
"""A lock's type, its mode, and the object: None for one that is of no matter, empty for one that nothing is known of.
Then whether the object is a sequence.
"""


def of_locks(locks: Sequence[Lock], *, is_seen: bool = True) -> Footprint:
    """The footprint of a transaction that holds these locks. `is_seen`: its changes are, from now on, by others.

    A transaction without a number of its own has changed and locked no row: it took the lock of a table to do so, and
    found no row that it could have. Sequences count on at once, and for everybody, whatever becomes of the transaction.
    """
    has_number = any(lock_type == "transactionid" and mode == "ExclusiveLock" for lock_type, mode, _, _ in locks)
    accesses: dict[str, Access] = {}
    for lock_type, mode, name, is_sequence in locks:
        if lock_type in _OF_NO_MATTER or name is None:
            continue
        access = _MODES.get(mode)
        if lock_type != "relation" or access is None or not name:
            return EVERYTHING
        if not is_sequence and access != "read":
            if not has_number:
                access = "look"
            elif not is_seen:
                access = "lock"
        accesses[name] = stronger(accesses.get(name, access), access)
    return Footprint(accesses)


@dataclass(frozen=True)
class Observer:
    """Finds out what statements touch, over a connection of its own."""

    locks: Callable[[int], Awaitable[Sequence[Lock]]]
    """The locks that a backend holds."""
    deferred: bool
    """Whether the database has constraints that are checked only when a transaction ends."""
    opaque: bool
    """Whether locks do not tell all in this database."""
    keyed: Mapping[str, KeyedTable]
    """The tables of which it is known that a statement which names its rows touches no others."""

    async def statement(
        self, backend_pid: int, execution: Execution, transaction: Footprint | None, *, goes_on: bool
    ) -> tuple[Footprint, Footprint]:
        """What the statement that the backend has just executed touched, and what its transaction has, with it.

        `transaction` is what it had touched before; None, if nobody has asked. It `goes_on`, or ends with the statement.
        """
        if self.opaque:
            return EVERYTHING, EVERYTHING
        locks = await self.locks(backend_pid)
        named = named_rows(execution, self.keyed)
        rows = {} if named is None or transaction is None else _of_one_table(*named, transaction)
        touched = replace(of_locks(locks, is_seen=not goes_on), rows=rows)
        return touched, replace(of_locks(locks), rows=rows)

    async def end(self, backend_pid: int, transaction: Footprint | None) -> Footprint:
        """What is touched when the backend's transaction ends, which has touched this; None, if nobody has asked."""
        if transaction is None:
            transaction = EVERYTHING if self.opaque else of_locks(await self.locks(backend_pid))
        return of_end(transaction, deferred=self.deferred)


def _of_one_table(name: str, keys: Keys, transaction: Footprint) -> dict[str, Keys]:
    """The rows of the table that a transaction has touched when it has just touched these."""
    if name not in transaction.accesses:
        return {name: keys}
    before = transaction.rows.get(name)
    return {} if before is None else {name: before | keys}


def of_end(transaction: Footprint, *, deferred: bool) -> Footprint:
    """What the end of a transaction touches: what it wrote is seen from now on, and what it locked is free.

    What it only read, or looked at in vain, stays as it was. `deferred`: constraints are checked now, and may look at anything.
    """
    if deferred or not transaction.known:
        return EVERYTHING
    accesses = {name: access for name, access in transaction.accesses.items() if access in {"lock", "write"}}
    return Footprint(accesses, rows=transaction.rows) if accesses else NOTHING
