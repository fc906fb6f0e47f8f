"""Names steps by what they do, so that saved schedules survive edits of the application."""

import functools
import re
from collections.abc import Iterator
from typing import Any

import pglast
from pglast import ast
from pglast.visitors import Visitor

from cronproof.gate.point import Point

_WORDS = 6
_TELLS = {"now()", "version()", "pg_is_in_recovery()"}
"""Functions that pools call to hear anything at all."""
_ID_IN_PATH = re.compile(r"/(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Z]{2}[0-9a-zA-Z]{8,})(?=/|$)")


def step_name(point: Point) -> str:
    """Names a point: `start`, `select claim_units()`, `call SERVICE POST /messages`, and so on."""
    match point.kind:
        case "start":
            return "start"
        case "statement":
            return statement_name(point.text)
        case "inside":
            return point.text
        case "call" | "answer":
            return f"{point.kind} {_ID_IN_PATH.sub('/*', point.text)}"


@functools.lru_cache(maxsize=4096)
def statement_name(sql: str) -> str:
    """Names SQL by its verb, tables, columns and functions; by its first words if it is invalid."""
    try:
        statements = pglast.parse_sql(sql)
    except pglast.parser.ParseError:
        return " ".join(sql.split()[:_WORDS])
    return "; ".join(" ".join(_words(statement.stmt)) for statement in statements) or "nothing"


def changes_nothing(point: Point) -> bool:
    """Whether a statement is one that pools send to find out whether a connection still works: an empty
    one, one that selects values from nothing or shows a setting, or one that begins or ends a transaction.
    """
    if point.kind != "statement":
        return False
    try:
        statements = [statement.stmt for statement in pglast.parse_sql(point.text)]
    except pglast.parser.ParseError:
        return False
    return all(map(_asks_nothing, statements))


def _asks_nothing(statement: Any) -> bool:
    if isinstance(statement, ast.VariableShowStmt | ast.TransactionStmt):
        return True
    seen = _Objects()
    seen(statement)
    return isinstance(statement, ast.SelectStmt) and not seen.tables and set(seen.functions) <= _TELLS


def _words(statement: Any) -> Iterator[str]:
    relation = getattr(statement, "relation", None)
    match statement:
        case ast.TransactionStmt():
            yield str(getattr(statement.kind, "name", "")).removeprefix("TRANS_STMT_").lower().replace("_", " ")
        case ast.InsertStmt() | ast.DeleteStmt() | ast.MergeStmt():
            yield type(statement).__name__.removesuffix("Stmt").lower()
            yield str(getattr(relation, "relname", ""))
        case ast.UpdateStmt():
            yield "update"
            columns = ", ".join(str(target.name) for target in statement.targetList or ())
            yield f"{getattr(relation, 'relname', '')} ({columns})"
        case ast.SelectStmt() if changes := _changes(statement):
            yield ", ".join(" ".join(_words(change)) for change in changes)
        case ast.SelectStmt():
            yield "select"
            seen = _Objects()
            seen(statement)
            tables = [table for table in seen.tables if table not in seen.named]
            yield ", ".join(dict.fromkeys(tables or seen.functions)) or "a value"
            if statement.lockingClause:
                yield "for update"
        case _:
            name = type(statement).__name__.removesuffix("Stmt")
            yield re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _changes(statement: ast.SelectStmt) -> list[Any]:
    """Returns the statements in a query's WITH that change rows: what it selects is their result."""
    parts = [part.ctequery for part in statement.withClause.ctes or ()] if statement.withClause else []
    return [part for part in parts if not isinstance(part, ast.SelectStmt)]


class _Objects(Visitor):
    """Collects the sources of a query's rows, the functions it calls, and the names of its CTEs."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[str] = []
        self.functions: list[str] = []
        self.named: set[str] = set()

    def visit_CommonTableExpr(self, _: object, node: ast.CommonTableExpr) -> None:  # noqa: N802  (pglast's name)
        self.named.add(str(node.ctename))

    def visit_RangeVar(self, _: object, node: ast.RangeVar) -> None:  # noqa: N802  (pglast's name)
        self.tables.append(str(node.relname))

    def visit_RangeFunction(self, _: object, node: ast.RangeFunction) -> None:  # noqa: N802  (as above)
        for function in node.functions or ():
            if isinstance(function[0], ast.FuncCall):
                self.tables.append(_called(function[0]))

    def visit_FuncCall(self, _: object, node: ast.FuncCall) -> None:  # noqa: N802  (as above)
        self.functions.append(_called(node))


def _called(call: Any) -> str:
    return f"{call.funcname[-1].sval}()"
