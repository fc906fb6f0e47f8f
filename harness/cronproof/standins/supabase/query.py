"""Parses the query string of a request: columns, conditions, order.

The grammar is https://docs.postgrest.org/en/stable/references/api/tables_views.html. A feature that
is not covered is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from cronproof.standins.supabase.errors import NotCovered, unparsable

T = TypeVar("T")

OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "isdistinct": "is distinct from",
}
_OTHER_OPERATORS = frozenset({"fts", "plfts", "phfts", "wfts", "sl", "sr", "nxr", "nxl", "adj"})
IS_VALUES = {
    "null": "is null",
    "not_null": "is not null",
    "true": "is true",
    "false": "is false",
    "unknown": "is unknown",
}
_AGGREGATES = frozenset({"sum", "avg", "min", "max", "count"})
_NAME = re.compile(r"""[^\s,()"'.:!*>-][^,()".:!>-]*|"(?:[^"\\]|\\.)*\"""")
_CAST = re.compile(r"[a-z_][a-z0-9_ ]*(\[\])?", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """A column, or a value inside of it: `metadata->a->>b` has the path `[("->", "a"), ("->>", "b")]`."""

    column: str
    path: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of the result, or all columns for `*`."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True)
class Embed:
    """Rows of a related table, nested in each row."""

    relation: str
    alias: str | None
    hint: str | None
    is_inner: bool
    select: tuple[Column | Embed, ...]

    @property
    def name(self) -> str:
        """Its key in the result."""
        return self.alias or self.relation


@dataclass(frozen=True)
class Filter:
    """`column=operator.value`. The operator `in` has several values."""

    field: Field
    operator: str
    value: str | tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class Group:
    """Conditions joined by `and` or `or`."""

    junction: str
    conditions: tuple[Filter | Group, ...]
    negated: bool = False


Condition = Filter | Group


@dataclass(frozen=True)
class Order:
    """One item of `order`."""

    field: Field
    direction: str
    nulls: str | None


@dataclass(frozen=True)
class Query:
    """A parsed query string. `embedded` has the queries of embedded relations, by name."""

    select: tuple[Column | Embed, ...] = (Column(Field("*")),)
    conditions: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    on_conflict: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    embedded: dict[str, Query] = field(default_factory=dict)


def parse(parameters: Sequence[tuple[str, str]]) -> Query:
    """Parses the parameters of a query string, in their order.

    Raises:
        RestError: a parameter cannot be parsed, or is not covered.
    """
    query = Query()
    for name, value in parameters:
        if name in {"select", "on_conflict", "columns"}:
            query = _of_the_whole(query, name, value)
            continue
        path, _, last = _split_path(name)
        query = _at(query, path, last, value)
    return query


def _split_path(name: str) -> tuple[list[str], str, str]:
    """Splits a parameter's name into embedded relations, JSON arrow, and the rest."""
    column, arrow, rest = name.partition("->")
    *path, last = column.split(".")
    if path and path[-1] == "not" and last in {"and", "or"}:
        path, last = path[:-1], f"not.{last}"
    return path, arrow, last + arrow + rest


def _at(query: Query, path: Sequence[str], last: str, value: str) -> Query:
    if not path:
        return _added(query, last, value)
    inner = _at(query.embedded.get(path[0], Query()), path[1:], last, value)
    return replace(query, embedded=query.embedded | {path[0]: inner})


def _of_the_whole(query: Query, name: str, value: str) -> Query:
    match name:
        case "select":
            return replace(query, select=tuple(_Parser("select parameter", value).whole(_Parser.items)))
        case "on_conflict":
            return replace(query, on_conflict=tuple(map(_unquoted, value.split(","))))
        case _:
            return replace(query, columns=tuple(map(_unquoted, value.split(","))))


def _added(query: Query, name: str, value: str) -> Query:
    match name:
        case "order":
            order = tuple(_order(item) for item in value.split(",") if item)
            return replace(query, order=order)
        case "limit" | "offset":
            if not re.fullmatch(r"[0-9]{1,18}", value):
                raise unparsable(f"{name} parameter", value)
            return replace(query, limit=int(value)) if name == "limit" else replace(query, offset=int(value))
        case "and" | "or" | "not.and" | "not.or":
            junction = name.removeprefix("not.")
            conditions = tuple(_Parser("logic tree", value).whole(_Parser.group))
            condition: Condition = Group(junction, conditions, negated=name.startswith("not."))
        case _:
            condition = _filter(_field(name), value, "filter")
    return replace(query, conditions=(*query.conditions, condition))


def _order(item: str) -> Order:
    name, *words = item.split(".")
    if "(" in item:
        raise NotCovered(f"ordering by a related table ({item})")
    directions = [word for word in words if word in {"asc", "desc"}]
    nulls = [word for word in words if word in {"nullsfirst", "nullslast"}]
    if len(directions) + len(nulls) != len(words):
        raise unparsable("order", item)
    return Order(_field(name), directions[0] if directions else "asc", nulls[0] if nulls else None)


def _field(text: str) -> Field:
    parts = re.split(r"(->>|->)", text)
    column = parts[0]
    if not column or not all(parts[2::2]):
        raise unparsable("column", text)
    return Field(_unquoted(column), tuple(zip(parts[1::2], parts[2::2], strict=True)))


def _unquoted(text: str) -> str:
    text = text.strip()
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if len(text) > 1 and text[0] == text[-1] == '"' else text


def _filter(of: Field, text: str, where: str) -> Filter:
    negated = text.startswith("not.")
    operator, dot, value = text.removeprefix("not.").partition(".")
    name = operator.partition("(")[0]
    if name in _OTHER_OPERATORS:
        raise NotCovered(f"the operator {name!r}")
    if "(" in operator and name in OPERATORS:
        raise NotCovered(f"quantifiers of operators ({operator})")
    if not dot or name not in {*OPERATORS, "in", "is"}:
        raise unparsable(where, text)
    if operator == "is" and value.lower() not in IS_VALUES:
        raise unparsable(where, text)
    if operator == "in":
        if not (value.startswith("(") and value.endswith(")")):
            raise unparsable(where, text)
        return Filter(of, operator, tuple(_listed(value[1:-1])), negated)
    return Filter(of, operator, value, negated)


def _listed(text: str) -> Iterator[str]:
    """Yields the values of `in`. Those with a comma or a parenthesis are quoted."""
    position = 0
    while position < len(text):
        quoted = re.compile(r'"((?:[^"\\]|\\.)*)"(?:,|$)').match(text, position)
        if quoted:
            yield re.sub(r"\\(.)", r"\1", quoted[1])
            position = quoted.end()
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            yield text[position:end]
            position = end + 1
    if text.endswith(","):
        yield ""


@dataclass
class _Parser:
    """Reads `select` and the nested conditions of `and` and `or`, from left to right."""

    what: str
    text: str
    position: int = 0

    def whole(self, read: Callable[[_Parser], Iterator[T]]) -> Iterator[T]:
        """Yields what `read` finds, and raises an error unless that is the whole text."""
        yield from read(self)
        self._blank()
        if self.position < len(self.text):
            raise self._error()

    def items(self) -> Iterator[Column | Embed]:
        """Yields the items of `select`."""
        while True:
            yield self._item()
            if not self._takes(","):
                return

    def group(self) -> Iterator[Condition]:
        """Yields the conditions in parentheses."""
        if not self._takes("("):
            raise self._error()
        while True:
            yield self._condition()
            if self._takes(")"):
                return
            if not self._takes(","):
                raise self._error()

    def _item(self) -> Column | Embed:
        self._blank()
        if self._takes("..."):
            raise NotCovered("spreading a related table (...)")
        if self._takes("*"):
            return Column(Field("*"))
        name, alias = self._name(), None
        if self.text.startswith(":", self.position) and not self.text.startswith("::", self.position):
            self.position += 1
            alias, name = name, self._name()
        if name in _AGGREGATES and self.text.startswith("()", self.position):
            raise NotCovered("aggregate functions")
        hints = []
        while self._takes("!"):
            hints.append(self._name())
        if self._takes("("):
            return self._embed(name, alias, hints)
        if hints:
            raise self._error()
        return self._column(name, alias)

    def _column(self, name: str, alias: str | None) -> Column:
        path = list[tuple[str, str]]()
        while arrow := next((a for a in ("->>", "->") if self._takes(a)), None):
            path.append((arrow, self._name()))
        cast = None
        if self._takes("::"):
            found = _CAST.match(self.text, self.position)
            if found is None:
                raise self._error()
            cast, self.position = found[0], found.end()
        if self._takes("."):
            raise NotCovered("aggregate functions")
        if path and alias is None:
            alias = next((key for _, key in reversed(path) if not key.isdigit()), name)
        return Column(Field(name, tuple(path)), alias, cast)

    def _embed(self, name: str, alias: str | None, hints: Sequence[str]) -> Embed:
        self._blank()
        select = () if self.text.startswith(")", self.position) else tuple(self.items())
        if not self._takes(")"):
            raise self._error()
        named = [hint for hint in hints if hint not in {"inner", "left"}]
        return Embed(name, alias, named[0] if named else None, "inner" in hints, select)

    def _condition(self) -> Condition:
        self._blank()
        found = re.compile(r"(not\.)?(and|or)(?=\()").match(self.text, self.position)
        if found:
            self.position = found.end()
            return Group(found[2], tuple(self.group()), negated=bool(found[1]))
        name = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^.,()"])+(?=\.)').match(self.text, self.position)
        if name is None:
            raise self._error()
        self.position = name.end() + 1
        operator = re.compile(r"(?:not\.)?[a-z]+(?:\([a-z]+\))?\.").match(self.text, self.position)
        if operator is None:
            raise self._error()
        self.position = operator.end()
        value = self._value()
        return _filter(_field(name[0]), operator[0] + value, self.what)

    def _value(self) -> str:
        """Reads a nested condition's value: a list in () or {}, a quoted text, or up to a comma."""
        listed = re.compile(r'\((?:[^()"]|"(?:[^"\\]|\\.)*")*\)|\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}')
        if found := listed.match(self.text, self.position):
            self.position = found.end()
            return found[0]
        found = re.compile(r'"(?:[^"\\]|\\.)*"|[^,()]*').match(self.text, self.position)
        assert found is not None  # noqa: S101  (for the type checker: it matches an empty text)
        self.position = found.end()
        return _unquoted(found[0])

    def _name(self) -> str:
        self._blank()
        found = _NAME.match(self.text, self.position)
        if found is None:
            raise self._error()
        self.position = found.end()
        return _unquoted(found[0])

    def _blank(self) -> None:
        while self.text.startswith((" ", "\n", "\t"), self.position):
            self.position += 1

    def _takes(self, token: str) -> bool:
        self._blank()
        if not self.text.startswith(token, self.position):
            return False
        self.position += len(token)
        return True

    def _error(self) -> Exception:
        return unparsable(self.what, self.text)
