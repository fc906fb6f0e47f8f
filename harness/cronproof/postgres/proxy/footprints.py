"""Finds what a statement touched, from the locks of its transaction.

Until it ends, a transaction holds a lock on every table that it read or wrote, also in functions,
triggers and foreign keys. So the locks are read before the transaction can end. If a statement is
its own transaction, the Sync that would end it is held back.

If locks do not show everything, the footprint is everything. That is so after errors, which release
locks. It is so for savepoints, other statements than DML, unknown kinds of locks, and
advisory locks that do not last until the transaction ends, also in functions. It is so for notifications
once anybody listens; before, they do nothing. `Catalog.opaque` says why it is so for every statement, if it is.
"""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pglast
from pglast import ast

from cronproof.gate.footprint import EVERYTHING, NOTHING, Access, Footprint, Keys, stronger
from cronproof.postgres.proxy.arrival import Before, Functions
from cronproof.postgres.proxy.arrival import Kind as Place
from cronproof.postgres.proxy.named_rows import KeyedTable, find_named_rows
from cronproof.postgres.proxy.wire import Execution

Kind = Literal["dml", "begin", "end", "session", "notify", "other"]
"""What a statement is. What is of the kind `session`, such as a setting, only the session itself notices."""

_OF_THE_CATALOG = r"""
    pg_ ( am | attrdef | attribute | class | collation | constraint | description | enum | extension | index | indexes | inherits
        | language | namespace | opclass | operator | proc | range | roles | tables | trigger | type | views
        | get_ (constraintdef | expr | functiondef | indexdef | serial_sequence | userbyid | viewdef) | \w+ _is_visible )
    | information_schema | to_reg \w+ | has_ \w+ _privilege
"""
READS_THE_CATALOG = re.compile(rf"\b ({_OF_THE_CATALOG}) \b", re.IGNORECASE | re.VERBOSE)
"""Tables and functions by which a query reads how the schema is, as drivers do. Only unknown steps change that."""
HIDES_FROM_LOCKS = re.compile(
    rf"""\b (?! ({_OF_THE_CATALOG}) \b) (
        pg_ (?! (catalog | notify | sleep | temp | trigger_depth | typeof | advisory_xact_lock | advisory_xact_lock_shared) \b) \w+
        | lo_ \w+ | dblink \w* | set_config | txid_ \w+ | setval | lastval | query_to_xml \w* | ts_stat
    ) \b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Functions by which a query can read or do what no lock of its transaction shows."""
# READ COMMITTED is the default, which some drivers still name.
_ISOLATION = re.compile(r"\bisolation\b(?!\s+level\s+read\s+committed\b)|_isolation\b", re.IGNORECASE)
_TRANSACTION: dict[str, Kind] = {
    "TRANS_STMT_BEGIN": "begin",
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_COMMIT": "end",
    "TRANS_STMT_ROLLBACK": "end",
}
_KINDS: dict[type[ast.Node], Kind] = {
    ast.VariableSetStmt: "session",
    ast.VariableShowStmt: "session",
    ast.NotifyStmt: "notify",
}
_MODES: dict[str, Access] = {
    "AccessShareLock": "read",
    "RowShareLock": "lock",
    "RowExclusiveLock": "write",
}
_IGNORED_LOCKS = frozenset({"virtualxid", "transactionid", "tuple"})  # the server's own, for rows and transactions


@functools.lru_cache(maxsize=4096)
def kind_of(sql: str) -> Kind:
    """Classifies a statement."""
    try:
        statements = pglast.parse_sql(sql)
    except pglast.parser.ParseError:
        statements = ()
    if HIDES_FROM_LOCKS.search(sql) or find_isolation(sql) == "session":
        return "other"
    if len(statements) != 1:
        return "session" if _are_settings(statements) else "other"
    match statements[0].stmt:
        case ast.SelectStmt(intoClause=None) | ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
            return "dml"
        case ast.TransactionStmt(kind=kind, options=options) if not options or _says_isolation(options):
            return _TRANSACTION.get(getattr(kind, "name", ""), "other")
        case ast.Node() as statement:
            return _KINDS.get(type(statement), "other")
        case _:
            return "other"


def _are_settings(statements: Sequence[ast.RawStmt]) -> bool:
    """Whether statements that are sent at once only set something, as drivers do when they connect."""
    return bool(statements) and all(isinstance(raw.stmt, ast.VariableSetStmt) for raw in statements)


@functools.lru_cache(maxsize=4096)
def locks_rows(sql: str) -> bool:
    """Whether SQL has a query that locks rows."""
    try:
        return any(getattr(raw.stmt, "lockingClause", None) for raw in pglast.parse_sql(sql))
    except pglast.parser.ParseError:
        return False


Isolation = Literal["transaction", "session"]
"""For how long another isolation level than READ COMMITTED may hold."""


@functools.lru_cache(maxsize=4096)
def find_isolation(text: str) -> Isolation | None:
    """Returns for how long a statement or a login may set another isolation level; None if it does not."""
    if _ISOLATION.search(text) is None or text.lstrip()[:5].lower().startswith("show "):
        return None
    try:
        statements = [raw.stmt for raw in pglast.parse_sql(text)]
    except (pglast.parser.ParseError, ValueError):
        return "session"
    match statements:
        case [ast.SelectStmt() | ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt()]:
            return "session" if "set_config" in text.lower() else None
        case [ast.TransactionStmt()] | [ast.VariableSetStmt(name="TRANSACTION" | "transaction_isolation")]:
            return "transaction"
        case _:
            return "session"


def _says_isolation(options: Sequence[ast.DefElem]) -> bool:
    return all(option.defname == "transaction_isolation" for option in options)


Lock = tuple[str, str, str | None, bool]
"""A lock's type, mode and object, and whether the object is a sequence.
The object is None if it does not matter, and empty if it is not known.
"""


Scope = Literal["all", "snapshot", "rows"]
"""What of its locks a step can have touched.

all       everything
snapshot  nothing but the committed state: it has taken a snapshot, which it reads later
rows      rows that it locks or changes: it reads by the snapshot of an earlier step
"""


def of_locks(locks: Sequence[Lock], *, is_seen: bool = True, scope: Scope = "all") -> Footprint:
    """Returns the footprint of a transaction with these locks. `is_seen`: others see its changes.

    A transaction without an id has changed and locked no row: it locked the table, and found no
    row. A sequence advances at once and for everybody, even if the transaction is rolled back. An advisory
    lock is an object of its own.
    """
    has_number = any(lock_type == "transactionid" and mode == "ExclusiveLock" for lock_type, mode, _, _ in locks)
    accesses: dict[str, Access] = {}
    for lock_type, mode, name, is_sequence in locks:
        if lock_type in _IGNORED_LOCKS or name is None:
            continue
        if lock_type == "advisory" and name:
            accesses[name] = "lock"
            continue
        access = _MODES.get(mode)
        if lock_type != "relation" or access is None or not name:
            return EVERYTHING
        if not is_sequence:
            access = _of_table(access, has_number=has_number, is_seen=is_seen, scope=scope)
        elif scope == "snapshot":
            continue
        if access is not None:
            accesses[name] = stronger(accesses.get(name, access), access)
    return Footprint(accesses)


def _of_table(access: Access, *, has_number: bool, is_seen: bool, scope: Scope) -> Access | None:
    """Returns how a step touched a table, given the strongest access of its transaction; None if it did not."""
    if scope == "snapshot":
        return "read"
    if access == "read":
        return None if scope == "rows" else "read"
    if not has_number:
        return "look"
    return access if is_seen else "lock"


@dataclass(frozen=True)
class Observer:
    """Finds out what statements touch."""

    locks: Callable[[int], Awaitable[Sequence[Lock]]]
    """Fetches the locks that a backend holds."""
    deferred: bool
    """Whether the database has constraints that are checked only when a transaction ends."""
    opaque: bool
    """Whether the footprint of every statement is unknown."""
    keyed: Mapping[str, KeyedTable]
    """The tables where a statement that names its rows touches no others."""
    functions: Functions
    """The functions that statements may call."""
    find_claim: Callable[[str], str | None] = lambda _: None
    """Returns the word by which a statement works on units of work."""

    def kind_of(self, sql: str) -> Kind:
        """Classifies a statement. What is heard, or has functions that touch what no lock shows, is of the kind `other`."""
        kind = kind_of(sql)
        is_opaque = kind == "dml" and self.functions.are_opaque(sql)
        is_heard = kind in {"dml", "notify"} and self.functions.somebody_listens and self.functions.notifies(sql)
        return "other" if is_opaque or is_heard else kind

    def beyond_tables(self, sql: str) -> Footprint:
        """Returns what a statement depends on that only unknown steps change: functions, the catalog, and who listens."""
        if kind_of(sql) not in {"dml", "notify"}:
            return NOTHING
        accesses: dict[str, Access] = {}
        if self.functions.calls_any(sql):
            accesses["functions"] = "read"
        if READS_THE_CATALOG.search(sql):
            accesses["the catalog"] = "read"
        if self.functions.notifies(sql):
            accesses["listeners"] = "read"
        return Footprint(accesses) if accesses else NOTHING

    async def statement(
        self, backend_pid: int, execution: Execution, transaction: Footprint | None, *, goes_on: bool
    ) -> tuple[Footprint, Footprint]:
        """Returns what the last statement touched, and what its transaction has touched in all.

        `transaction` is what it touched before; None if unobserved. `goes_on`: it stays open.
        """
        if self.opaque:
            return EVERYTHING, EVERYTHING
        locks = await self.locks(backend_pid)
        named = find_named_rows(execution, self.keyed)
        rows = {} if named is None or transaction is None else _of_one_table(*named, transaction)
        touched = replace(of_locks(locks, is_seen=not goes_on), rows=rows)
        return touched, replace(of_locks(locks), rows=rows)

    async def piece(
        self, backend_pid: int, begin: Before, end: Place | None, *, is_transparent: bool, goes_on: bool = True
    ) -> tuple[Footprint, Footprint]:
        """Returns what a piece of a statement touched, and what its transaction has touched in all.

        `begin` and `end` are its points; the end is None if it is the statement's. `is_transparent`: a
        point comes before everything that a function executes. `goes_on`: the transaction stays open.
        """
        if self.opaque:
            return EVERYTHING, EVERYTHING
        locks = await self.locks(backend_pid)
        scope = _scope(begin, end) if is_transparent else "all"
        return of_locks(locks, is_seen=not goes_on, scope=scope), of_locks(locks)

    async def end(self, backend_pid: int, transaction: Footprint | None) -> Footprint:
        """Returns what ending a transaction touches. `transaction` is what it touched, or None."""
        if transaction is None:
            transaction = EVERYTHING if self.opaque else of_locks(await self.locks(backend_pid))
        return of_end(transaction, deferred=self.deferred)


def _scope(begin: Before, end: Place | None) -> Scope:
    """Returns what a piece can have touched, if it executes nothing but what is between its points."""
    if end == "statement":
        return "snapshot" if begin == "write" else "all"
    return "rows" if begin in {"statement", "row"} else "all"


def _of_one_table(name: str, keys: Keys, transaction: Footprint) -> dict[str, Keys]:
    """Adds keys to the rows of a table that a transaction has touched; empty if unknown."""
    if name not in transaction.accesses:
        return {name: keys}
    before = transaction.rows.get(name)
    return {} if before is None else {name: before | keys}


def of_end(transaction: Footprint, *, deferred: bool) -> Footprint:
    """Returns what ending a transaction touches: what it wrote is visible now, what it locked free.

    What it only read or looked for does not count. `deferred`: constraints may now read anything.
    """
    if deferred or not transaction.known:
        return EVERYTHING
    accesses = {name: access for name, access in transaction.accesses.items() if access in {"lock", "write"}}
    return Footprint(accesses, rows=transaction.rows) if accesses else NOTHING
