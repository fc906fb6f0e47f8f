"""What the migrations have made of the database: tables, and the functions with the roles that may execute them."""

from __future__ import annotations

import graphlib
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Function:
    """A function of the schema public, as the catalog has it. Roles are those who may execute it."""

    name: str
    arguments: str
    result: str
    executable_by: Sequence[str]
    security_definer: bool
    search_path: str | None


@dataclass(frozen=True)
class Catalog:
    """What the migrations have made: the columns of each table with their types, and the functions.

    `deletable` has the tables in an order in which they can be emptied: rows that refer before those they refer to.
    """

    columns: dict[str, dict[str, str]]
    deletable: tuple[str, ...]
    functions: tuple[Function, ...]


async def read(connection: AsyncConnection, roles: Sequence[str]) -> Catalog:
    """The catalog of the connection's database; `roles` are those whose right to execute is looked up."""
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in await (await connection.execute(_COLUMNS)).fetchall():
        columns.setdefault(table, {})[column] = kind
    references: dict[str, set[str]] = {table: set() for table in columns}
    for table, referenced in await (await connection.execute(_REFERENCES)).fetchall():
        if table != referenced:
            references[referenced].add(table)
    async with connection.cursor(row_factory=class_row(Function)) as cursor:
        functions = await (await cursor.execute(_FUNCTIONS, [list(roles)])).fetchall()
    return Catalog(columns, tuple(graphlib.TopologicalSorter(references).static_order()), tuple(functions))


_COLUMNS = """
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    order by c.relname, a.attnum
"""

_REFERENCES = """
    select child.relname, parent.relname
    from pg_constraint as k
    join pg_class as child on child.oid = k.conrelid
    join pg_class as parent on parent.oid = k.confrelid
    where k.contype = 'f' and child.relnamespace = 'public'::regnamespace
        and parent.relnamespace = 'public'::regnamespace
"""

_FUNCTIONS = """
    select p.proname as name, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
        array(select r from unnest(%s::text[]) as r where has_function_privilege(r, p.oid, 'execute')) as executable_by,
        p.prosecdef as security_definer,
        (select setting from unnest(p.proconfig) as setting where setting like 'search_path=%%') as search_path
    from pg_proc as p
    where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
    order by p.proname, p.oid
"""
