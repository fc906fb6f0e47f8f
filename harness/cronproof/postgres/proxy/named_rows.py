"""Finds the rows that a statement names by primary key, as in `select … from orders where id = 5`.

Locks show which tables a statement touched, but not which rows. If the statement names its rows
and triggers nothing that touches others (`Catalog.keyed`), its footprint is those rows. If any
part of it is not understood here, its footprint is the whole table.
"""

import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pglast
from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType
from pglast.visitors import Visitor

from cronproof.gate.footprint import Keys
from cronproof.postgres.proxy.wire import Execution

_EXPRESSIONS = (
    ast.A_Const,
    ast.A_Expr,
    ast.A_Star,
    ast.Alias,
    ast.BitString,
    ast.BoolExpr,
    ast.Boolean,
    ast.CoalesceExpr,
    ast.ColumnRef,
    ast.Float,
    ast.Integer,
    ast.LockingClause,
    ast.NullTest,
    ast.ParamRef,
    ast.ResTarget,
    ast.ReturningClause,
    ast.SQLValueFunction,
    ast.SortBy,
    ast.String,
)
_OF_INSERTS = (
    *_EXPRESSIONS,
    ast.A_ArrayExpr,
    ast.IndexElem,
    ast.InferClause,
    ast.InsertStmt,
    ast.OnConflictClause,
    ast.SetToDefault,
    ast.TypeCast,
    ast.TypeName,
)
FUNCTIONS = frozenset({"abs", "avg", "count", "length", "lower", "max", "min", "now", "round", "sum", "upper"})
"""Functions of Postgres that depend only on their arguments and the clock."""

# Types of parameters: https://www.postgresql.org/docs/current/catalog-pg-type.html, pg_type.dat
_OIDS: Mapping[str, frozenset[int]] = {"integer": frozenset({0, 20, 21, 23}), "uuid": frozenset({0, 2950})}
_TEXT_OIDS = frozenset({0, 20, 21, 23, 25, 1043, 2950})


@dataclass(frozen=True)
class KeyedTable:
    """A table with a one-column key, where a statement that names rows by it touches no others.

    `name` is as in footprints. `fixed` are the unique columns: changing them concerns other rows.
    """

    name: str
    key: str
    kind: Literal["integer", "uuid"]
    fixed: frozenset[str]


@dataclass(frozen=True)
class _Statement:
    """What a statement says: its table, the columns it changes, and what columns must equal."""

    table: str
    changes: frozenset[str]
    equal: Mapping[str, Sequence[str | int]]
    """The allowed values by column. A text is a constant; a number is a parameter's, from 1."""


def find_named_rows(execution: Execution, keyed: Mapping[str, KeyedTable]) -> tuple[str, Keys] | None:
    """Returns the table and the keys of the only rows a statement can touch; None if unknown."""
    statement = _parse_statement(execution.sql)
    table = keyed.get(statement.table) if statement else None
    if statement is None or table is None or statement.changes & table.fixed or table.key not in statement.equal:
        return None
    try:
        keys = [_value(value, execution, table.kind) for value in statement.equal[table.key]]
    except ValueError:
        return None
    return table.name, frozenset(keys)


def find_inserted(sql: str) -> str | None:
    """Returns the table into which a statement inserts one row that is not read from anywhere; None if it does
    anything else.
    """
    return _parse_insert(sql)


@functools.lru_cache(maxsize=4096)
def _parse_insert(sql: str) -> str | None:
    try:
        (raw,) = pglast.parse_sql(sql)
    except (pglast.parser.ParseError, ValueError):
        return None
    match raw.stmt:
        case ast.InsertStmt(
            relation=ast.RangeVar() as table, selectStmt=ast.SelectStmt(valuesLists=[_]), withClause=None
        ):
            words = _Words(_OF_INSERTS)
            words(raw.stmt)
            return str(table.relname) if words.understood and table.schemaname in {None, "public"} else None
        case _:
            return None


def _value(value: str | int, execution: Execution, kind: Literal["integer", "uuid"]) -> str:
    """Returns a key in its canonical form.

    Raises:
        ValueError: the meaning of the value is not certain.
    """
    read: Callable[[str], object] = int if kind == "integer" else uuid.UUID
    if isinstance(value, str):
        return str(read(value))
    parameter = execution.parameter(value)
    if parameter.data is None:
        raise ValueError("null")
    if not parameter.is_binary:
        if parameter.type_oid not in _TEXT_OIDS:
            raise ValueError("of a type that may mean something else by it")
        return str(read(parameter.data.decode()))
    if parameter.type_oid not in _OIDS[kind] or len(parameter.data) not in {2, 4, 8, 16}:
        raise ValueError("of another type")
    if kind == "uuid":
        return str(uuid.UUID(bytes=parameter.data))
    return str(int.from_bytes(parameter.data, signed=True))


@functools.lru_cache(maxsize=4096)
def _parse_statement(sql: str) -> _Statement | None:
    try:
        (raw,) = pglast.parse_sql(sql)
    except (pglast.parser.ParseError, ValueError):
        return None
    statement: Any = raw.stmt
    words = _Words()
    words(statement)
    match statement:
        case ast.SelectStmt(fromClause=[ast.RangeVar() as table], whereClause=condition):
            changed: Any = ()
        case ast.UpdateStmt(
            relation=ast.RangeVar() as table, fromClause=None, targetList=changed, whereClause=condition
        ):
            pass
        case _:
            return None
    if not words.understood or table.schemaname not in {None, "public"}:
        return None
    return _Statement(str(table.relname), frozenset(str(target.name) for target in changed), _equalities(condition))


class _Words(Visitor):
    """Checks that a statement is understood: one table, and expressions that read nothing else."""

    understood = True
    _tables = 0

    def __init__(self, expressions: tuple[type[ast.Node], ...] = _EXPRESSIONS) -> None:
        super().__init__()
        self._expressions = expressions

    def visit(self, ancestors: object, node: Any) -> None:  # noqa: ARG002  (as pglast calls it)
        match node:
            case ast.SelectStmt() | ast.UpdateStmt():
                understood = node.withClause is None
            case ast.RangeVar():
                self._tables += 1
                understood = self._tables == 1
            case ast.FuncCall(funcname=[ast.String(sval=name)]):
                understood = name in FUNCTIONS
            case _:
                understood = isinstance(node, self._expressions)
        self.understood = self.understood and understood


def _equalities(condition: Any) -> Mapping[str, Sequence[str | int]]:
    """Returns the columns that a condition requires to equal certain values, with the values."""
    match condition:
        case ast.BoolExpr(boolop=BoolExprType.AND_EXPR, args=[*terms]):
            return {column: values for term in terms for column, values in _equalities(term).items()}
        case ast.A_Expr(
            kind=A_Expr_Kind.AEXPR_OP | A_Expr_Kind.AEXPR_IN,
            name=[ast.String(sval="=")],
            lexpr=ast.ColumnRef(fields=[*_, ast.String(sval=column)]),
            rexpr=right,
        ):
            values = [_constant(value) for value in (right if isinstance(right, tuple) else [right])]
            known = [value for value in values if value is not None]
            return {str(column): known} if len(known) == len(values) else {}
        case _:
            return {}


def _constant(expression: Any) -> str | int | None:
    match expression:
        case ast.A_Const(val=ast.Integer(ival=value)):
            return str(value or 0)
        case ast.A_Const(val=ast.String(sval=text)):
            return str(text)
        case ast.ParamRef(number=int(number)):
            return number
        case _:
            return None
