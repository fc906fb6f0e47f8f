"""The catalog of a migrated database: tables, sequences, functions and who may execute them."""

import functools
import graphlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from cronproof.domain.database import Function
from cronproof.errors import nearest
from cronproof.postgres.points_in_time import without_time
from cronproof.postgres.proxy.named_rows import FUNCTIONS, KeyedTable
from cronproof.sql_files import load_queries

PUBLIC = "public"
_SQL = load_queries(__file__)


@dataclass(frozen=True, order=True)
class Table:
    """A table, by its schema and its name."""

    schema: str
    name: str

    @property
    def title(self) -> str:
        """Its name in scenarios and reports, with the schema before it if that is not `public`."""
        return self.name if self.schema == PUBLIC else f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in statements."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class NumberSequence:
    """A sequence, its next number behind the migrations, and the column it numbers, if any. Names are
    SQL identifiers.
    """

    name: str
    start: int
    table: str | None
    column: str | None


@dataclass(frozen=True)
class Catalog:
    """What the migrations have made. `columns` has each table by its title: column and type.

    `kinds` has the same by table. `groups` orders all tables for emptying: a table comes
    before those it refers to, and a cycle of references is one group. `sequences` has every
    sequence, with the column it numbers, if any.
    """

    columns: dict[str, dict[str, str]]
    kinds: dict[Table, dict[str, str]]
    groups: tuple[tuple[Table, ...], ...]
    sequences: tuple[NumberSequence, ...]
    functions: tuple[Function, ...]
    opaque: str | None = None
    """Why the footprint of every statement is unknown; None if those of some are known."""
    generated: Mapping[Table, Collection[str]] = field(default_factory=dict)
    """The columns that Postgres computes."""
    defaults: Mapping[str, Collection[str]] = field(default_factory=dict)
    """The columns of each table, by its title, that are the time of the insert by default."""
    triggers_on_delete: bool = False
    """Whether a deletion fires triggers or rules."""
    deferred: bool = False
    """Whether constraints or triggers are deferred to the end of the transaction."""
    fixed: Mapping[Table, Collection[str]] = field(default_factory=dict)
    """The columns of keys, unique indexes and references."""
    keyed: Mapping[str, KeyedTable] = field(default_factory=dict)
    """The tables of `public` where a statement that names rows by key touches no others."""
    partitioned: Collection[Table] = ()
    """The tables whose rows all lie in partitions, which are not listed."""
    references: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    """By title of a table and column, the table and column to which it refers; references of one column."""
    kept: Mapping[Table, bytes] = field(default_factory=dict)
    """For each table with rows of the migrations, the statement that puts them back."""

    @cached_property
    def by_title(self) -> dict[str, Table]:
        """The tables by their titles."""
        return {table.title: table for table in self.kinds}

    def find_unknown(self, table: str, columns: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yields which of these columns a table does not have, each with a message about it."""
        known = self.columns[table]
        for column in columns:
            if column not in known:
                yield column, f"the table {table} has no column {column!r}{nearest(column, list(known))}"

    def without_times(self, rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
        """Returns the rows by table, keeping of each point in time only that it is set."""
        return {
            table: [
                {column: without_time(self.columns[table].get(column, ""), value) for column, value in row.items()}
                for row in of_table
            ]
            for table, of_table in rows.items()
        }

    @property
    def deletable(self) -> list[Table]:
        """All tables, in the order of `groups`."""
        return [table for group in self.groups for table in group]

    @property
    def insertable(self) -> list[Table]:
        """All tables in an order in which they can be filled."""
        return self.deletable[::-1]


async def read_catalog(connection: AsyncConnection, roles: Sequence[str]) -> Catalog:
    """Reads the catalog. `roles` are those whose right to execute functions is looked up."""
    kinds: dict[Table, dict[str, str]] = {}
    generated: dict[Table, set[str]] = {}
    defaults: dict[str, set[str]] = {}
    for schema, name, column, kind, is_generated, is_now in await (
        await connection.execute(_SQL["columns"].encode())
    ).fetchall():
        kinds.setdefault(Table(schema, name), {})[column] = kind
        if is_generated:
            generated.setdefault(Table(schema, name), set()).add(column)
        if is_now:
            defaults.setdefault(Table(schema, name).title, set()).add(column)
    fixed: dict[Table, set[str]] = {}
    for schema, name, column in await (await connection.execute(_SQL["fixed"].encode())).fetchall():
        fixed.setdefault(Table(schema, name), set()).add(column)
    async with connection.cursor(row_factory=class_row(Table)) as cursor:
        tables = await (await cursor.execute(_SQL["tables"].encode())).fetchall()
    for table in tables:
        kinds.setdefault(table, {})  # it may have no column
    listed = {*tables}
    columns = {t.title: kind for t, kind in kinds.items() if t.schema == PUBLIC or t in listed}  # not an extension's
    async with connection.cursor(row_factory=class_row(Table)) as cursor:
        partitioned = await (await cursor.execute(_SQL["partitioned"].encode())).fetchall()
    references: dict[Table, set[Table]] = {table: set() for table in tables}
    for schema, name, of_schema, of_name in await (await connection.execute(_SQL["references"].encode())).fetchall():
        table, referenced = Table(schema, name), Table(of_schema, of_name)
        if table != referenced and {table, referenced} <= references.keys():
            references[referenced].add(table)
    referring: dict[str, dict[str, tuple[str, str]]] = {}
    for schema, name, column, of_schema, of_name, of_column in await (
        await connection.execute(_SQL["referring_columns"].encode())
    ).fetchall():
        referring.setdefault(Table(schema, name).title, {})[column] = Table(of_schema, of_name).title, of_column
    async with connection.cursor(row_factory=class_row(NumberSequence)) as cursor:
        sequences = await (await cursor.execute(_SQL["sequences"].encode())).fetchall()
    async with connection.cursor(row_factory=class_row(Function)) as cursor:
        functions = await (await cursor.execute(_SQL["functions"].encode(), [list(roles)])).fetchall()
    opaque = [reason for (reason,) in await (await connection.execute(_SQL["opaque"].encode())).fetchall()]
    ((deferred,),) = await (await connection.execute(_SQL["deferred"].encode())).fetchall()
    keyed = await (await connection.execute(_SQL["keyed"].encode(), [list(FUNCTIONS)])).fetchall()
    ((triggers_on_delete,),) = await (await connection.execute(_SQL["triggers_on_delete"].encode())).fetchall()
    return Catalog(
        columns,
        kinds,
        tuple(_groups(references)),
        tuple(sequences),
        tuple(functions),
        opaque[0] if opaque else None,
        generated,
        defaults,
        triggers_on_delete,
        deferred,
        fixed,
        {name: KeyedTable(f"public.{name}", key, kind, frozenset(fixed)) for name, key, kind, fixed in keyed},
        frozenset(partitioned),
        referring,
    )


def _groups(references: Mapping[Table, set[Table]]) -> Iterator[tuple[Table, ...]]:
    """Yields the tables, each after those that refer to it. A cycle of references is one group."""
    of: dict[Table, tuple[Table, ...]] = {table: (table,) for table in references}
    while True:
        graph: dict[tuple[Table, ...], set[tuple[Table, ...]]] = {group: set() for group in of.values()}
        for table, referring in references.items():
            graph[of[table]] |= {of[other] for other in referring} - {of[table]}
        try:
            yield from graphlib.TopologicalSorter(graph).static_order()
        except graphlib.CycleError as error:
            circle: tuple[Table, ...] = tuple(sorted({table for group in error.args[1] for table in group}))
            of |= dict.fromkeys(circle, circle)
        else:
            return


@functools.lru_cache(maxsize=256)
def rows_query(tables: tuple[Table, ...]) -> bytes:
    """Builds the query for the rows of tables, with one JSON column for each table."""
    part = sql.SQL("(select coalesce(json_agg(to_jsonb(t) order by to_jsonb(t)), '[]') from {} as t)")
    parts = [part.format(table.identifier) for table in tables]
    return sql.SQL("select {}").format(sql.SQL(", ").join(parts)).as_bytes()
