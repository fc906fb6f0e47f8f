"""What the migrations have made of the database: tables, and the functions with the roles that may execute them."""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from cronproof.postgres.proxy.named_rows import FUNCTIONS, KeyedTable

TIME_TYPES = ("timestamp", "date", "time")
TIME_IN_JSON = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?"
"""A point in time as the texts of JSON have it, for Python and for Postgres."""


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

    `kinds` are the same of every schema. `groups` has the tables of every schema in an order in which they can be emptied:
    rows that refer before those they refer to; those that refer to each other in a circle are one group. `sequences` has
    every sequence and, where one column takes its numbers from it, that column.
    """

    columns: dict[str, dict[str, str]]
    kinds: dict[Table, dict[str, str]]
    groups: tuple[tuple[Table, ...], ...]
    sequences: tuple[NumberSequence, ...]
    functions: tuple[Function, ...]
    opaque: str | None = None
    """Why locks do not tell all that statements touch here, if they do not."""
    generated: Mapping[Table, Collection[str]] = field(default_factory=dict)
    """The columns that Postgres computes."""
    triggers_on_delete: bool = False
    """Whether migrations have made triggers that a deletion sets off."""
    deferred: bool = False
    """Whether constraints or triggers wait for the end of the transaction."""
    keyed: Mapping[str, KeyedTable] = field(default_factory=dict)
    """By name, the tables of `public` of which a statement that names rows by their key touches no others."""

    def without_times(self, rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
        """The rows, by table, with every point in time replaced by whether it is there."""
        return {
            table: [
                {column: _without_time(self.columns[table].get(column, ""), value) for column, value in row.items()}
                for row in of_table
            ]
            for table, of_table in rows.items()
        }

    @property
    def deletable(self) -> list[Table]:
        """All tables, in that order."""
        return [table for group in self.groups for table in group]

    @property
    def insertable(self) -> list[str]:
        """The tables of `public` in an order in which they can be filled."""
        return [table.name for table in reversed(self.deletable) if table.schema == "public"]


def _without_time(kind: str, value: Any) -> Any:
    if kind.startswith(TIME_TYPES):
        return value is not None
    if kind.startswith("json"):
        return json.loads(re.sub(TIME_IN_JSON, "a time", json.dumps(value)))
    return value


async def read(connection: AsyncConnection, roles: Sequence[str]) -> Catalog:
    """The catalog of the connection's database; `roles` are those whose right to execute is looked up."""
    kinds: dict[Table, dict[str, str]] = {}
    generated: dict[Table, set[str]] = {}
    for schema, name, column, kind, is_generated in await (await connection.execute(_COLUMNS)).fetchall():
        kinds.setdefault(Table(schema, name), {})[column] = kind
        if is_generated:
            generated.setdefault(Table(schema, name), set()).add(column)
    columns = {table.name: of_table for table, of_table in kinds.items() if table.schema == "public"}
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
    opaque = [reason for (reason,) in await (await connection.execute(_OPAQUE, [_TELLING])).fetchall()]
    ((deferred,),) = await (
        await connection.execute("select exists (select from pg_trigger where tginitdeferred)")
    ).fetchall()
    keyed = await (await connection.execute(_KEYED, [list(FUNCTIONS)])).fetchall()
    ((triggers_on_delete,),) = await (await connection.execute(_TRIGGERS_ON_DELETE)).fetchall()
    return Catalog(
        columns,
        kinds,
        tuple(_groups(references)),
        tuple(sequences),
        tuple(functions),
        opaque[0] if opaque else None,
        generated,
        triggers_on_delete,
        deferred,
        {name: KeyedTable(f"public.{name}", key, kind, frozenset(fixed)) for name, key, kind, fixed in keyed},
    )


def _groups(references: Mapping[Table, set[Table]]) -> Iterator[tuple[Table, ...]]:
    """The tables, each after those that refer to it; of a circle, all at once."""
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


_TRIGGERS_ON_DELETE = """
    select exists (
        select from pg_trigger as t join pg_class as c on c.oid = t.tgrelid join pg_namespace as n on n.oid = c.relnamespace
        where not t.tgisinternal and t.tgtype::int & 8 > 0 and n.nspname not in ('pg_catalog', 'information_schema')
    ) or exists (select from pg_rewrite where ev_type = '4')
"""

_COLUMNS = """
    select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> ''
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
    order by 1, 2, a.attnum
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

# In a function's body: what gives up locks before the end, or learns or does what no lock shows.
_TELLING = r"""(?xi)
    \m exception \s+ when \M | \m (
        pg_ (?! catalog\M | sleep\M | temp\M | trigger_depth\M | typeof\M ) \w+
        | lo_ \w+ | dblink \w* | set_config | txid_ \w+ | setval | lastval | notify | listen | isolation
    ) \M
"""

_OPAQUE = """
    select format('the function %%s does what locks do not show', p.proname)
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    join pg_language as l on l.oid = p.prolang
    where n.nspname not in ('pg_catalog', 'information_schema') and p.prokind in ('f', 'p')
        and not exists (
            select from pg_depend as d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        )
        and (
            l.lanname not in ('sql', 'plpgsql')
            or concat(p.prosrc, pg_get_function_sqlbody(p.oid)) ~ %s
        )
    union all
    select format('the extension %%s can do what locks do not show', extname)
    from pg_extension
    where extname not in (
        'plpgsql', 'pgcrypto', 'uuid-ossp', 'citext', 'pg_trgm', 'btree_gin', 'btree_gist', 'hstore', 'intarray', 'ltree',
        'unaccent', 'fuzzystrmatch', 'tablefunc', 'moddatetime', 'pg_stat_statements'
    )
    union all
    select 'transactions are not READ COMMITTED by default'
    where current_setting('default_transaction_isolation') <> 'read committed'
        or exists (select from pg_db_role_setting where array_to_string(setconfig, ',') like '%%isolation%%')
"""

# Tables of public with a key of one column, where nothing that a statement sets off looks at other rows: no triggers, rules
# or inheritance, no reference to itself, no policy that looks at tables, no policy, default, check or index with a function
# that may. Nothing but the table has its name, so that a statement cannot mean another; operators and the functions that
# statements may call are Postgres' own.
_KEYED = r"""
    with of_migrations as (
        select oid, proname, concat(prosrc, pg_get_function_sqlbody(oid)) as body from pg_proc
        where pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) and prokind in ('f', 'p')
    ), looking as (
        select oid from of_migrations as f
        where body ~* '\m(from|table|insert|update|delete|merge|execute|perform|call)\M' or exists (
            select from of_migrations as g where g.oid <> f.oid and f.body ~ ('\m' || g.proname || '\M')
        )
    )
    select c.relname, a.attname, case when a.atttypid = 'uuid'::regtype then 'uuid' else 'integer' end, array(
        select of_index.attname::text
        from pg_index as i
        join pg_attribute as of_index on of_index.attrelid = c.oid and of_index.attnum = any (i.indkey)
        where i.indrelid = c.oid and (i.indisunique or i.indisexclusion)
    )
    from pg_class as c
    join pg_index as p on p.indrelid = c.oid and p.indisprimary and p.indnkeyatts = 1
    join pg_attribute as a on a.attrelid = c.oid and a.attnum = p.indkey[0]
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relpersistence = 'p'
        and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype)
        and (select count(*) from pg_class where relname = c.relname) = 1
        and not exists (select from pg_inherits where c.oid in (inhrelid, inhparent))
        and not exists (select from pg_rewrite where ev_class = c.oid)
        and not exists (select from pg_constraint where conrelid = c.oid and (confrelid = c.oid or contype = 'x'))
        and not exists (
            select from pg_depend join pg_policy as p on classid = 'pg_policy'::regclass and objid = p.oid
            where polrelid = c.oid and refclassid = 'pg_class'::regclass and refobjid <> c.oid
        )
        and not exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal)
        and not exists (
            select from pg_index where indrelid = c.oid and concat(indexprs, indpred) <> '' and indisunique
        )
        and not exists (
            select from pg_depend as d join looking as f on d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid
            where (
                (d.classid = 'pg_constraint'::regclass and d.objid in (select oid from pg_constraint where conrelid = c.oid))
                or (d.classid = 'pg_attrdef'::regclass and d.objid in (select oid from pg_attrdef where adrelid = c.oid))
                or (d.classid = 'pg_policy'::regclass and d.objid in (select oid from pg_policy where polrelid = c.oid))
                or (d.classid = 'pg_class'::regclass and d.objid in (select indexrelid from pg_index where indrelid = c.oid))
            )
        )
        and not exists (select from pg_operator where oprnamespace <> 'pg_catalog'::regnamespace)
        and not exists (
            select from pg_proc where proname = any (%s) and pronamespace <> 'pg_catalog'::regnamespace
        )
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
