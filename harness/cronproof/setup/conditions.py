"""The conditions by which the SQL of an application picks the rows of a table, as far as they are about the row alone."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pglast
from pglast import ast
from pglast.stream import RawStream
from pglast.visitors import Visitor

from cronproof.setup.schema import Table

_LITERAL = re.compile(r'"""(.*?)"""|`([^`]*)`|"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'', re.DOTALL)
_STATEMENT = re.compile(r"\b(select|update|delete)\b.+\bwhere\b", re.IGNORECASE | re.DOTALL)
_BODY = re.compile(r"\$(\w*)\$(.*)\$\1\$", re.DOTALL)
_PARAMETER = re.compile(r"\$\{[^}]*\}|%\(\w+\)s|%s|(?<![:\w]):[a-z]\w*|\?")


def find_conditions(source: str, functions: Sequence[str], table: Table) -> list[str]:
    """Returns the conditions of the statement that has most of them. `functions` are definitions of functions that it calls."""
    texts = [next(filter(None, groups), "") for groups in _LITERAL.findall(source)]
    texts = [_PARAMETER.sub("$1", text) for text in texts if _STATEMENT.search(text)]
    texts += [body[2] for definition in functions if (body := _BODY.search(definition))]
    return max((found for text in texts for found in _conditions(text, table)), key=len, default=[])


def _conditions(text: str, table: Table) -> Iterator[list[str]]:
    try:
        statements = pglast.parse_sql(text)
    except pglast.parser.ParseError:
        return
    finder = _Finder(table)
    for statement in statements:
        finder(statement)
    yield from finder.found


class _Finder(Visitor):
    """Collects the conditions of every statement about a table."""

    def __init__(self, table: Table) -> None:
        self.found: list[list[str]] = []
        self._table = table.name.rpartition(".")[2]
        self._columns = {column.name for column in table.columns}

    def visit_SelectStmt(self, _: Any, node: ast.SelectStmt) -> None:  # noqa: N802  (pglast calls it so)
        for relation in node.fromClause or ():
            self._add(relation, node.whereClause)

    def visit_UpdateStmt(self, _: Any, node: ast.UpdateStmt) -> None:  # noqa: N802  (the same)
        self._add(node.relation, node.whereClause)

    def visit_DeleteStmt(self, _: Any, node: ast.DeleteStmt) -> None:  # noqa: N802  (the same)
        self._add(node.relation, node.whereClause)

    def _add(self, relation: Any, where: Any) -> None:
        if not isinstance(relation, ast.RangeVar) or relation.relname != self._table or where is None:
            return
        alias = str(relation.alias.aliasname if relation.alias else relation.relname)
        is_and = isinstance(where, ast.BoolExpr) and getattr(where.boolop, "name", "") == "AND_EXPR"
        parts: Sequence[Any] = (where.args or ()) if is_and else [where]
        self.found.append([text for part in parts if (text := self._about_the_row(part, alias))])

    def _about_the_row(self, condition: Any, alias: str) -> str | None:
        """Returns a condition without its alias; None if it is about anything else than the row."""
        looker = _Looker(alias, self._columns)
        looker(condition)
        if looker.is_about_more or not looker.sees_a_column:
            return None
        text: str = RawStream()(condition)
        return re.sub(rf"\b{re.escape(alias)}\.", "", text)


class _Looker(Visitor):
    """Tells whether an expression has columns of one row alone."""

    def __init__(self, alias: str, columns: set[str]) -> None:
        self.is_about_more = self.sees_a_column = False
        self._alias = alias
        self._columns = columns

    def visit_ColumnRef(self, _: Any, node: ast.ColumnRef) -> None:  # noqa: N802  (pglast calls it so)
        names = [getattr(field, "sval", "*") for field in node.fields or ()]
        is_own = names[-1] in self._columns and names[:-1] in ([], [self._alias])
        self.sees_a_column |= is_own
        self.is_about_more |= not is_own

    def visit_ParamRef(self, *_: Any) -> None:  # noqa: N802  (the same)
        self.is_about_more = True

    def visit_SubLink(self, *_: Any) -> None:  # noqa: N802  (the same)
        self.is_about_more = True
