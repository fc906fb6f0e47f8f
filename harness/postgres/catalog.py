"""What the migrations have made of the database: tables, and the functions with the roles that may execute them."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

TIME_TYPES = ("timestamp", "date", "time")


@dataclass(frozen=True)
class Function:
    """A function of the schema public, as the catalog has it. Roles are those who may execute it."""

    name: str
    arguments: str
    result: str
    executable_by: Sequence[str]
    security_definer: bool
    search_path: str | None


@dataclass(frozen=True, order=True)
class Table:
    """A table that belongs to no extension."""

    schema: str
    name: str


@dataclass(frozen=True)
class NumberSequence:
    """A sequence, where it starts, and the column that takes its numbers from it, if one does; names as SQL has them."""

    name: str
    start: int
    table: str | None
    column: str | None


@dataclass(frozen=True)
class Catalog:
    """What the migrations have made: the columns of each table of `public` with their types, and its functions.

    `deletable` has the tables of every schema in an order in which they can be emptied: rows that refer before those
    they refer to. `sequences` has every sequence and, where one column takes its numbers from it, that column.
    """

    columns: dict[str, dict[str, str]]
    deletable: tuple[Table, ...]
    sequences: tuple[NumberSequence, ...]
    functions: tuple[Function, ...]

    def without_times(self, rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
        """The rows, by table, with every point in time replaced by whether it is there."""
        return {
            table: [
                {
                    column: value is not None if self.columns[table].get(column, "").startswith(TIME_TYPES) else value
                    for column, value in row.items()
                }
                for row in of_table
            ]
            for table, of_table in rows.items()
        }

    @property
    def insertable(self) -> list[str]:
        """The tables of `public` in an order in which they can be filled."""
        return [table.name for table in reversed(self.deletable) if table.schema == "public"]


async def read(connection: AsyncConnection, roles: Sequence[str]) -> Catalog:
    """The catalog of the connection's database; `roles` are those whose right to execute is looked up."""
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in await (await connection.execute(_COLUMNS)).fetchall():
        columns.setdefault(table, {})[column] = kind
    async with connection.cursor(row_factory=class_row(Table)) as cursor:
        tables = await (await cursor.execute(_TABLES)).fetchall()
    references: dict[Table, set[Table]] = {table: set() for table in tables}
    for schema, name, of_schema, of_name in await (await connection.execute(_REFERENCES)).fetchall():
        table, referenced = Table(schema, name), Table(of_schema, of_name)
        if table != referenced and {table, referenced} <= references.keys():
            references[referenced].add(table)
    async with connection.cursor(row_factory=class_row(NumberSequence)) as cursor:
        sequences = await (await cursor.execute(_SEQUENCES)).fetchall()
    async with connection.cursor(row_factory=class_row(Function)) as cursor:
        functions = await (await cursor.execute(_FUNCTIONS, [list(roles)])).fetchall()
    order = graphlib.TopologicalSorter(references).static_order()
    return Catalog(columns, tuple(order), tuple(sequences), tuple(functions))


_COLUMNS = """
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    order by c.relname, a.attnum
"""

# What a migration can have made, without what an extension has brought along.
_OF_MIGRATIONS = """
    n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relpersistence <> 't'
        and not exists (
            select from pg_depend as d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
        )
"""

_TABLES = f"""
    select n.nspname as schema, c.relname as name
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and {_OF_MIGRATIONS}
    order by 1, 2
"""  # noqa: S608  (a constant of this module)

_REFERENCES = """
    select of_child.nspname, child.relname, of_parent.nspname, parent.relname
    from pg_constraint as k
    join pg_class as child on child.oid = k.conrelid
    join pg_namespace as of_child on of_child.oid = child.relnamespace
    join pg_class as parent on parent.oid = k.confrelid
    join pg_namespace as of_parent on of_parent.oid = parent.relnamespace
    where k.contype = 'f'
"""

_SEQUENCES = f"""
    select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name, s.seqstart as start,
        quote_ident(owner_n.nspname) || '.' || quote_ident(owner.relname) as table, quote_ident(a.attname) as column
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_sequence as s on s.seqrelid = c.oid
    left join pg_depend as d on d.classid = 'pg_class'::regclass and d.objid = c.oid
        and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    left join pg_class as owner on owner.oid = d.refobjid
    left join pg_namespace as owner_n on owner_n.oid = owner.relnamespace
    left join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where c.relkind = 'S' and {_OF_MIGRATIONS}
    order by 1, 2
"""  # noqa: S608  (as above)

_FUNCTIONS = """
    select p.proname as name, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
        array(select r from unnest(%s::text[]) as r where has_function_privilege(r, p.oid, 'execute')) as executable_by,
        p.prosecdef as security_definer,
        (select setting from unnest(p.proconfig) as setting where setting like 'search_path=%%') as search_path
    from pg_proc as p
    where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
    order by p.proname, p.oid
"""
