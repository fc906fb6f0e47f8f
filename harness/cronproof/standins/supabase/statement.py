"""Builds the SQL statement of a request.

Each request is a single statement, so it is one transaction and one scheduling point. It returns
the body as JSON text, the number of rows in it, and the total number if that is asked for.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from psycopg import sql

from cronproof.standins.supabase.errors import NotCovered, RestError
from cronproof.standins.supabase.query import IS_VALUES, OPERATORS, Condition, Embed, Field, Filter, Order, Query
from cronproof.standins.supabase.schema import Function, Relationship, Schema

Return = Literal["minimal", "headers-only", "representation"]
Resolution = Literal["merge-duplicates", "ignore-duplicates"]
Row = Mapping[str, Any]

_JSON = ("json", "jsonb")
_INDEX = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Statements:
    """Builds the statements of requests, for one schema."""

    schema: Schema

    def read(self, table: str, query: Query, *, counts: bool) -> sql.Composed:
        """Builds a SELECT of a table's rows."""
        self.schema.columns(table)
        alias = sql.Identifier(table)
        source = sql.SQL("public.{} as {}").format(sql.Identifier(table), alias)
        return self._rows(table, table, source, query, counts=counts)

    def insert(
        self,
        table: str,
        rows: Sequence[Row],
        query: Query,
        returning: Return,
        *,
        resolution: Resolution | None,
        fills_defaults: bool,
        is_single: bool,
    ) -> sql.Composed | None:
        """Builds an INSERT, or an upsert if `resolution` is given; None if there are no rows."""
        kinds = self.schema.columns(table)
        columns = list(query.columns) if query.columns is not None else list(rows[0] if rows else {})
        if query.columns is None and any(row.keys() != set(columns) for row in rows):
            raise RestError(400, "PGRST102", "All object keys must match")
        self._known(table, columns)
        if not rows:
            return None
        if not columns and len(rows) > 1:
            raise NotCovered("several new rows without any column")
        if columns:
            values = sql.SQL(", ").join(
                sql.SQL("({})").format(
                    sql.SQL(", ").join(
                        sql.SQL("default")
                        if column not in row and fills_defaults
                        else _literal(row.get(column), kinds[column])
                        for column in columns
                    )
                )
                for row in rows
            )
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            statement = sql.SQL("insert into public.{} ({}) values {}").format(sql.Identifier(table), names, values)
        else:
            statement = sql.SQL("insert into public.{} default values").format(sql.Identifier(table))
        if resolution is not None:
            statement += self._on_conflict(table, columns, query, resolution)
        return self._changed(table, statement, query, returning, is_single=is_single)

    def update(self, table: str, row: Row, query: Query, returning: Return, *, is_single: bool) -> sql.Composed | None:
        """Builds an UPDATE of the matching rows; None if there is nothing to change."""
        kinds = self.schema.columns(table)
        columns = list(row) if query.columns is None else [column for column in query.columns if column in row]
        self._known(table, columns)
        if not columns:
            return None
        values = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column), _literal(row[column], kinds[column]))
            for column in columns
        )
        statement = sql.SQL("update public.{} set {}").format(sql.Identifier(table), values)
        statement += self._where(table, table, query)
        return self._changed(table, statement, query, returning, is_single=is_single)

    def delete(self, table: str, query: Query, returning: Return, *, is_single: bool) -> sql.Composed:
        """Builds a DELETE of the matching rows."""
        self.schema.columns(table)
        statement = sql.SQL("delete from public.{}").format(sql.Identifier(table)) + self._where(table, table, query)
        return self._changed(table, statement, query, returning, is_single=is_single)

    def call(self, function: Function, arguments: Row, query: Query, *, counts: bool) -> sql.Composed:
        """Builds a SELECT of what a function returns."""
        kinds = dict(function.arguments)
        values = sql.SQL(", ").join(
            sql.SQL("{} => {}::{}").format(sql.Identifier(name), _literal(value, kinds[name]), sql.SQL(kinds[name]))
            for name, value in arguments.items()
        )
        called = sql.SQL("public.{}({})").format(sql.Identifier(function.name), values)
        if function.result == "composite":
            if any(isinstance(item, Embed) for item in query.select):
                raise NotCovered("embedding in what a function returns")
            source = sql.SQL("{} as {}").format(called, sql.Identifier(function.name))
            return self._rows(None, function.name, source, query, counts=counts)
        if query.conditions or query.order or query.limit is not None:
            raise NotCovered("filtering what a function returns that is no row")
        body = "coalesce(json_agg(_value), '[]')" if function.is_set else "(array_agg(to_json(_value)))[1]"
        return sql.SQL("select {}::text, count(*), null from {} as _value").format(sql.SQL(body), called)

    def _rows(
        self, table: str | None, alias: str, source: sql.Composable, query: Query, *, counts: bool
    ) -> sql.Composed:
        """Selects the rows of a source as JSON. If `table` is None, its columns are not known."""
        where = self._where(table, alias, query)
        rows = sql.SQL("select {} from {}{}{}{}").format(
            self._columns(table, alias, query), source, where, _order(alias, query.order), _slice(query)
        )
        total = sql.SQL("(select count(*) from {}{})").format(source, where) if counts else sql.SQL("null")
        body = sql.SQL("select coalesce(json_agg(_row), '[]')::text, count(*), {} from ({}) as _row")
        return body.format(total, rows)

    def _changed(
        self, table: str, statement: sql.Composed, query: Query, returning: Return, *, is_single: bool
    ) -> sql.Composed:
        """Wraps a change so that it returns the changed rows, if they are asked for."""
        if query.order or query.limit is not None or query.offset:
            raise NotCovered("limiting or ordering what is changed")
        if returning != "representation":
            return statement
        alias = sql.Identifier(table)
        rows = sql.SQL("select {} from _changed as {}").format(self._columns(table, table, query), alias)
        # If one object is asked for and there is not exactly one row, an error undoes the change.
        one = "case when count(*) <> 1 then ('rows:' || count(*))::int end" if is_single else "null"
        whole = "with _changed as ({} returning *) select coalesce(json_agg(_row), '[]')::text, count(*), {} from ({}) as _row"
        return sql.SQL(whole).format(statement, sql.SQL(one), rows)

    def _known(self, table: str, columns: Sequence[str]) -> None:
        kinds = self.schema.columns(table)
        for column in columns:
            if column not in kinds:
                message = f"Could not find the '{column}' column of '{table}' in the schema cache"
                raise RestError(400, "PGRST204", message)

    def _on_conflict(self, table: str, columns: Sequence[str], query: Query, resolution: Resolution) -> sql.Composed:
        keys = query.on_conflict or self.schema.primary_keys.get(table, ())
        if not keys:
            raise NotCovered(f"an upsert into {table}, which has no primary key, without on_conflict")
        on = sql.SQL(" on conflict ({}) do ").format(sql.SQL(", ").join(map(sql.Identifier, keys)))
        if resolution == "ignore-duplicates" or not columns:
            return on + sql.SQL("nothing")
        values = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in columns)
        return on + sql.SQL("update set ") + values

    def _columns(self, table: str | None, alias: str, query: Query) -> sql.Composable:
        parts = []
        for item in query.select:
            if isinstance(item, Embed):
                parts.append(self._embedded(table, alias, item, query.embedded.get(item.name, Query())))
            elif item.field.column == "*":
                parts.append(sql.SQL("{}.*").format(sql.Identifier(alias)))
            else:
                value = self._value(table, alias, item.field)
                value = value if item.cast is None else sql.SQL("({})::{}").format(value, sql.SQL(item.cast))
                parts.append(sql.SQL("{} as {}").format(value, sql.Identifier(item.alias or item.field.column)))
        strange = query.embedded.keys() - {item.name for item in query.select if isinstance(item, Embed)}
        if strange:
            message = f"'{min(strange)}' is not an embedded resource in this request"
            hint = f"Verify that '{min(strange)}' is included in the 'select' query parameter."
            raise RestError(400, "PGRST108", message, hint=hint)
        return sql.SQL(", ").join(parts)

    def _embedded(self, table: str | None, outer: str, embed: Embed, query: Query) -> sql.Composed:
        relationship, inner = self._relationship(table, outer, embed), f"{outer}_{embed.name}"
        of_inner = replace(query, select=embed.select)
        rows = sql.SQL("select {} from public.{} as {}{}{}{}").format(
            self._columns(relationship.table, inner, of_inner),
            sql.Identifier(relationship.table),
            sql.Identifier(inner),
            self._where(relationship.table, inner, of_inner, _joined(relationship, outer, inner)),
            _order(inner, query.order),
            _slice(query),
        )
        body = "row_to_json(_row)" if relationship.is_one else "coalesce(json_agg(_row), '[]')"
        return sql.SQL("(select {} from ({}) as _row) as {}").format(sql.SQL(body), rows, sql.Identifier(embed.name))

    def _where(
        self, table: str | None, alias: str, query: Query, joined: sql.Composable | None = None
    ) -> sql.Composable:
        parts: list[sql.Composable] = [joined] if joined is not None else []
        parts += [self._condition(table, alias, condition) for condition in query.conditions]
        for item in query.select:
            if isinstance(item, Embed) and item.is_inner:
                inner = f"{alias}_{item.name}"
                relationship = self._relationship(table, alias, item)
                of_inner = replace(query.embedded.get(item.name, Query()), select=item.select)
                where = self._where(relationship.table, inner, of_inner, _joined(relationship, alias, inner))
                exists = sql.SQL("exists (select from public.{} as {}{})")
                parts.append(exists.format(sql.Identifier(relationship.table), sql.Identifier(inner), where))
        return sql.SQL(" where ") + sql.SQL(" and ").join(parts) if parts else sql.SQL("")

    def _relationship(self, table: str | None, outer: str, embed: Embed) -> Relationship:
        if table is None:
            raise NotCovered(f"embedding in what {outer} returns")
        return self.schema.relationship(table, embed)

    def _condition(self, table: str | None, alias: str, condition: Condition) -> sql.Composable:
        if isinstance(condition, Filter):
            compared = self._compared(table, alias, condition)
        else:
            joined = sql.SQL(f" {condition.junction} ").join(
                self._condition(table, alias, inner) for inner in condition.conditions
            )
            compared = sql.SQL("({})").format(joined)
        return sql.SQL("not ({})").format(compared) if condition.negated else compared

    def _compared(self, table: str | None, alias: str, condition: Filter) -> sql.Composed:
        value = self._value(table, alias, condition.field)
        if isinstance(condition.value, tuple):
            if not condition.value:
                return sql.SQL("{} = any ('{{}}')").format(value)
            # An untyped literal takes the type of the column, as in `column = 'text'`.
            return sql.SQL("{} in ({})").format(value, sql.SQL(", ").join(map(sql.Literal, condition.value)))
        if condition.operator == "is":
            return sql.SQL("{} {}").format(value, sql.SQL(IS_VALUES[condition.value.lower()]))
        text = condition.value
        if condition.operator in {"like", "ilike"}:
            text = text.replace("*", "%")
        return sql.SQL("{} {} {}").format(value, sql.SQL(OPERATORS[condition.operator]), sql.Literal(text))

    def _value(self, table: str | None, alias: str, of: Field) -> sql.Composable:
        if table is not None and of.column not in self.schema.columns(table):
            if of.column == "count":
                raise NotCovered("aggregate functions")
            if of.column in self.schema.tables:
                raise NotCovered(f"a condition on whether there are rows of {of.column}")
            # With the server's message and code.
            raise RestError(400, "42703", f"column {table}.{of.column} does not exist")
        value: sql.Composable = sql.SQL("{}.{}").format(sql.Identifier(alias), sql.Identifier(of.column))
        if not of.path:
            return value
        if table is not None and self.schema.columns(table)[of.column] not in _JSON:
            value = sql.SQL("to_jsonb({})").format(value)
        for arrow, key in of.path:
            step: sql.Composable = sql.SQL(key) if _INDEX.fullmatch(key) else sql.Literal(key)
            value = sql.SQL("{}{}{}").format(value, sql.SQL(arrow), step)
        return sql.SQL("({})").format(value)


def _joined(relationship: Relationship, outer: str, inner: str) -> sql.Composable:
    return sql.SQL(" and ").join(
        sql.SQL("{}.{} = {}.{}").format(*map(sql.Identifier, (inner, of_inner, outer, of_outer)))
        for of_outer, of_inner in relationship.columns
    )


def _order(alias: str, order: Sequence[Order]) -> sql.Composable:
    if not order:
        return sql.SQL("")
    items = []
    for item in order:
        value: sql.Composable = sql.SQL("{}.{}").format(sql.Identifier(alias), sql.Identifier(item.field.column))
        for arrow, key in item.field.path:
            value += sql.SQL(arrow) + sql.Literal(key)
        nulls = {None: "", "nullsfirst": " nulls first", "nullslast": " nulls last"}[item.nulls]
        items.append(value + sql.SQL(f" {item.direction}{nulls}"))
    return sql.SQL(" order by ") + sql.SQL(", ").join(items)


def _slice(query: Query) -> sql.Composable:
    parts = [f" limit {query.limit}"] if query.limit is not None else []
    parts += [f" offset {query.offset}"] if query.offset else []
    return sql.SQL("".join(parts))


def _literal(value: Any, kind: str) -> sql.Composable:
    """Converts a JSON value to a literal of a type, as json_populate_record would."""
    if value is None:
        return sql.SQL("null")
    if kind in _JSON:
        return sql.Literal(json.dumps(value, ensure_ascii=False))
    if isinstance(value, list) and kind.endswith("[]"):
        return sql.Literal("{" + ",".join(_elements(value)) + "}")
    if isinstance(value, str):
        return sql.Literal(value)
    return sql.Literal(json.dumps(value, ensure_ascii=False))


def _elements(values: Sequence[Any]) -> Iterator[str]:
    for value in values:
        if value is None:
            yield "null"
        elif isinstance(value, list):
            yield "{" + ",".join(_elements(value)) + "}"
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
