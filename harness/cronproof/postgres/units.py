"""Units of work in the database: their states, and the log of who has claimed them.

Postgres evaluates what is declared. Each work has a view of its units, and triggers that log claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pglast
import psycopg
from pglast import ast
from pglast.visitors import Visitor
from psycopg import AsyncConnection, sql

from cronproof.domain.work import Unit, Units, Work, join_key
from cronproof.errors import nearest
from cronproof.postgres.catalog import Catalog, Table
from cronproof.postgres.connect import describe_error
from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)
_OF_SESSIONS = frozenset(
    {
        "pg_backend_pid",
        "current_setting",
        "pg_my_temp_schema",
        "txid_current",
        "pg_current_xact_id",
        "current_user",
        "inet_client_addr",
        "inet_client_port",
    }
)
"""Functions, besides those that are volatile, whose result differs from session to session."""
_OF_USERS = frozenset(
    {"SVFOP_CURRENT_ROLE", "SVFOP_CURRENT_USER", "SVFOP_USER", "SVFOP_SESSION_USER", "SVFOP_CURRENT_SCHEMA"}
)
_CONDITIONS = ("claimed", "done", "due")


class InvalidDeclarationError(Exception):
    """Something that is declared does not fit the database. `path`: the keys that lead to it in the file."""

    def __init__(self, path: Sequence[str], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@dataclass(frozen=True)
class WorkView:
    """A work with what Postgres knows of it, and the query for the states of its units."""

    work: Work
    query: sql.Composed

    def read(self, rows: Sequence[Sequence[Any]]) -> Units:
        """Returns the units by id, given the rows of the query as in JSON."""
        units = [
            Unit(join_key(key), claimed, done, due, since, match, contains)
            for key, claimed, done, due, since, match, contains in rows
        ]
        return {unit.id: unit for unit in units}


async def watch_works(control: AsyncConnection, catalog: Catalog, works: Sequence[Work]) -> list[WorkView]:
    """Creates the log of claims, and for each work a view and the triggers that log them.

    Raises:
        InvalidDeclarationError: a table or column is not there, or an expression cannot be used.
    """
    await control.execute(_SQL["log"].encode())
    return [await _Watched(control, catalog, work, number).watch() for number, work in enumerate(works)]


async def read_units(control: AsyncConnection, views: Sequence[WorkView]) -> Mapping[str, Units]:
    """Returns the units of each work, by its name."""
    if not views:
        return {}
    query = sql.SQL("select {}").format(sql.SQL(", ").join(view.query for view in views))
    cursor = await control.execute(query, prepare=True)
    found = await cursor.fetchone() or ()
    return {view.work.name: view.read(rows) for view, rows in zip(views, found, strict=True)}


class _Watched:
    """One work while its view and triggers are created."""

    def __init__(self, control: AsyncConnection, catalog: Catalog, work: Work, number: int) -> None:
        self._control = control
        self._catalog = catalog
        self._work = work
        self._number = number

    async def watch(self) -> WorkView:
        work = self._work
        if work.table not in self._catalog.by_title:
            near = nearest(work.table, list(self._catalog.by_title))
            raise InvalidDeclarationError(["work", work.name, "table"], f"there is no table {work.table!r}{near}")
        table = self._catalog.by_title[work.table]
        key = list(work.key) or await self._find_key(table)
        for path, expression in self._expressions():
            await self._check(table, path, expression)
        conditions = {
            "claimed": work.claimed or "false",
            "done": work.done or work.claimed or "false",
            "due": work.due or "true",
        }
        of_claim = await self._find_read(table, conditions["claimed"], ["claimed"])
        of_done = await self._find_read(table, conditions["done"], ["done"]) if work.done is not None else of_claim
        read = {*of_claim, *of_done}
        view = await self._create_view(table, key, conditions)
        others = list(dict.fromkeys(other for other, _ in of_claim if other != table))
        work = replace(
            work,
            key=key,
            columns=[column for column in self._catalog.kinds[table] if (table, column) in read],
            is_claimed_elsewhere=bool(others),
        )
        of_table = [column for of, column in of_claim if of == table]
        if not (of_table or others or work.removes):
            path = ["work", work.name, "claimed"]
            raise InvalidDeclarationError(
                path, "it names no column, so no claim could be seen; name those that are written"
            )
        await self._create_trigger(table, work, of_table)
        if others:
            await self._create_comparison(table, others, work, view)
        return WorkView(work, self._query(view, key, work))

    def _expressions(self) -> list[tuple[list[str], str]]:
        """Returns every expression with the keys that lead to it."""
        work = self._work
        found = [([name], getattr(work, name)) for name in (*_CONDITIONS, "since") if getattr(work, name) is not None]
        if work.message is not None:
            found += [(["message", "match", name], text) for name, text in work.message.match.items()]
            found += [(["message", "match", name], text) for name, text in work.message.contains.items()]
        return [(["work", work.name, *path], text) for path, text in found]

    async def _find_key(self, table: Table) -> list[str]:
        query = sql.SQL(_SQL["primary_key"]).format(table=sql.Literal(table.identifier.as_string()))
        found = await (await self._control.execute(query)).fetchone()
        if found is None:
            path = ["work", self._work.name, "table"]
            raise InvalidDeclarationError(
                path, f"the table {self._work.table} has no primary key; give the columns of one as `key`"
            )
        key: list[str] = found[0]
        return key

    async def _check(self, table: Table, path: Sequence[str], expression: str) -> None:
        """Refuses an expression that is none, or whose result depends on the session or on chance."""
        try:
            tree = pglast.parse_sql(f"select ({expression}\n)")
        except pglast.parser.ParseError as error:
            raise InvalidDeclarationError(path, str(error.args[0])) from None
        names = _Names()
        names(tree)
        if len(tree) != 1 or names.writes:
            raise InvalidDeclarationError(path, "it is more than an expression")
        if strange := sorted(names.relations | (names.functions & _OF_SESSIONS)):
            raise InvalidDeclarationError(path, f"it reads {strange[0]}, which differs from session to session")
        query = sql.SQL(_SQL["volatile"]).format(names=sql.Literal(sorted(names.functions)))
        if volatile := await (await self._control.execute(query)).fetchone():
            raise InvalidDeclarationError(path, f"it calls {volatile[0]}(), which may give another result each time")
        plan = sql.SQL(_SQL["plan"]).format(table=table.identifier, alias=_alias(table), expression=_raw(expression))
        try:
            await self._control.execute(plan)
        except psycopg.Error as error:
            raise InvalidDeclarationError(path, describe_error(error)) from None

    async def _find_read(self, table: Table, condition: str, path: Sequence[str]) -> list[tuple[Table, str]]:
        """Returns the tables and columns that a condition reads."""
        name = await self._create(table, [sql.SQL("({}) as condition").format(_raw(condition))], path)
        read = await (
            await self._control.execute(sql.SQL(_SQL["read"]).format(view=sql.Literal(name.as_string())))
        ).fetchall()
        await self._control.execute(sql.SQL("drop view {}").format(name))
        return [(Table(schema, relation), column) for schema, relation, column in read]

    async def _create_view(self, table: Table, key: Sequence[str], conditions: Mapping[str, str]) -> sql.Identifier:
        """Creates the view. Its columns are those of the key, the conditions, and the fields of the message."""
        work, message = self._work, self._work.message
        fields = [] if message is None else [*message.match.items(), *message.contains.items()]
        for column in key:
            if column not in self._catalog.kinds[table]:
                near = nearest(column, list(self._catalog.kinds[table]))
                raise InvalidDeclarationError(
                    ["work", work.name, "key"], f"the table {work.table} has no column {column!r}{near}"
                )
        columns = [
            *(
                sql.SQL("{}.{} as {}").format(_alias(table), sql.Identifier(column), name)
                for name, column in zip(_key_columns(key), key, strict=True)
            ),
            *(sql.SQL("({}) as {}").format(_raw(text), sql.Identifier(name)) for name, text in conditions.items()),
            sql.SQL("({}) as since").format(_raw(work.since or "null")),
            *(
                sql.SQL("({})::text as {}").format(_raw(text), sql.Identifier(f"field_{number}"))
                for number, (_, text) in enumerate(fields)
            ),
        ]
        view = await self._create(table, columns, ["table"])
        await self._refuse_wrong_types(view)
        return view

    async def _refuse_wrong_types(self, view: sql.Identifier) -> None:
        """Refuses conditions that are no booleans."""
        query = sql.SQL(_SQL["types"]).format(view=sql.Literal(view.as_string()))
        for name, kind in await (await self._control.execute(query)).fetchall():
            if name in _CONDITIONS and kind not in {"boolean", "unknown"}:
                raise InvalidDeclarationError(["work", self._work.name, name], f"it is {kind}, not boolean")

    async def _create(self, table: Table, columns: Sequence[sql.Composable], path: Sequence[str]) -> sql.Identifier:
        name = sql.Identifier("cronproof", f"work_{self._number}")
        create = sql.SQL(_SQL["view"]).format(
            view=name, columns=sql.SQL(", ").join(columns), table=table.identifier, alias=_alias(table)
        )
        try:
            await self._control.execute(create)
        except psycopg.Error as error:
            raise InvalidDeclarationError(["work", self._work.name, *path], describe_error(error)) from None
        return name

    async def _create_trigger(self, table: Table, work: Work, columns: Sequence[str]) -> None:
        """Creates the trigger that logs claims by the rows of units."""
        is_removed = work.claimed is None or work.removes
        events = ["delete", "insert"] if is_removed else []
        if columns:
            listed = sql.SQL(", ").join(map(sql.Identifier, columns)).as_string()
            events.append(f"update of {listed}")
        if not events:
            return
        function = sql.Identifier("cronproof", f"log_claim_{self._number}")
        claimed = sql.SQL(_SQL["claimed"].strip())
        of_old, of_new = (
            claimed.format(
                condition=_raw(work.claimed or "false"),
                variable=sql.SQL(variable),
                record=sql.SQL(record),
                alias=_alias(table),
            )
            for variable, record in (("was_claimed", "old"), ("is_claimed", "new"))
        )
        old_key, new_key = (
            sql.SQL("jsonb_build_array({})").format(
                sql.SQL(", ").join(sql.Identifier(record, column) for column in work.key)
            )
            for record in ("old", "new")
        )
        await self._control.execute(
            sql.SQL(_SQL["function"]).format(
                function=function,
                of_old=of_old,
                of_new=of_new,
                old_key=old_key,
                new_key=new_key,
                work=sql.Literal(work.name),
            )
        )
        await self._control.execute(
            sql.SQL(_SQL["trigger"]).format(
                trigger=sql.Identifier(f"cronproof_{self._number}"),
                events=sql.SQL(" or ".join(events)),
                table=table.identifier,
                control=sql.Literal(self._control.info.backend_pid),
                function=function,
            )
        )

    async def _create_comparison(self, table: Table, others: Sequence[Table], work: Work, view: sql.Identifier) -> None:
        """Creates the triggers that log claims by the rows of other tables."""
        function = sql.Identifier("cronproof", f"compare_claims_{self._number}")
        units = sql.SQL(_SQL["keyed"]).format(key=sql.SQL(", ").join(_key_columns(work.key)), view=view)
        await self._control.execute(
            sql.SQL(_SQL["compare"]).format(
                function=function,
                control=sql.Literal(self._control.info.backend_pid),
                work=sql.Literal(work.name),
                units=units,
            )
        )
        for other in (table, *others):
            await self._control.execute(
                sql.SQL(_SQL["statement_trigger"]).format(
                    trigger=sql.Identifier(f"cronproof_compare_{self._number}"),
                    events=sql.SQL("insert" if other == table else "insert or update or delete"),
                    table=other.identifier,
                    function=function,
                )
            )

    def _query(self, view: sql.Identifier, key: Sequence[str], work: Work) -> sql.Composed:
        keys = _key_columns(key)
        match = [] if work.message is None else [*work.message.match]
        contains = [] if work.message is None else [*work.message.contains]
        return sql.SQL(_SQL["units"]).format(
            key=sql.SQL("json_build_array({})").format(sql.SQL(", ").join(keys)),
            order=sql.SQL(", ").join(keys),
            match=_object(match, 0),
            contains=_object(contains, len(match)),
            view=view,
        )


class _Names(Visitor):
    """Collects the functions that an expression calls, what it reads of the server's own state, and whether it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: set[str] = set()
        self.relations: set[str] = set()
        self.writes = False

    def visit_FuncCall(self, _: object, node: Any) -> None:  # noqa: N802  (pglast's name)
        self.functions.add(node.funcname[-1].sval)

    def visit_SQLValueFunction(self, _: object, node: Any) -> None:  # noqa: N802  (as above)
        if node.op.name in _OF_USERS:
            self.functions.add("current_user")

    def visit_RangeVar(self, _: object, node: Any) -> None:  # noqa: N802  (as above)
        if node.relname.startswith(("pg_stat", "pg_locks", "pg_prepared", "pg_cursors", "pg_settings")):
            self.relations.add(node.relname)

    def visit(self, _: object, node: Any) -> None:
        self.writes |= isinstance(node, ast.InsertStmt | ast.UpdateStmt | ast.DeleteStmt | ast.MergeStmt)


def _raw(expression: str) -> sql.SQL:
    """Returns what was declared as a part of a statement. It was parsed before, and is nothing but an expression."""
    return sql.SQL(f"{expression}\n")  # it may end with a comment


def _key_columns(key: Sequence[str]) -> list[sql.Identifier]:
    """Returns the view's columns of a key."""
    return [sql.Identifier(f"key_{number}") for number, _ in enumerate(key)]


def _alias(table: Table) -> sql.Identifier:
    return sql.Identifier(table.name)


def _object(names: Sequence[str], start: int) -> sql.Composable:
    parts = [
        part
        for number, name in enumerate(names, start)
        for part in (sql.Literal(name), sql.Identifier(f"field_{number}"))
    ]
    return sql.SQL("json_build_object({})").format(sql.SQL(", ").join(parts))
