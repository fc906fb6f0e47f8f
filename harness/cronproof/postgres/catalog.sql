-- name: columns
-- The columns of all tables with their types, whether Postgres computes them, and whether they are
-- the time of the insert by default.
select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> '',
    coalesce(a.attgenerated = '' and pg_get_expr(d.adbin, d.adrelid) ~* '^\(?(now\(\)|current_(timestamp|date)|clock_timestamp\(\)|(statement|transaction)_timestamp\(\)|timezone\(''[^'']*''::text, now\(\)\))\)?(::\w+)?$', false)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
order by 1, 2, a.attnum

-- name: fixed
-- The columns of keys, unique indexes and references.
select n.nspname, c.relname, a.attname
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and (
    exists (select from pg_index where indrelid = c.oid and indisunique and a.attnum = any (indkey))
    or exists (
        select from pg_constraint
        where contype = 'f' and (
            (conrelid = c.oid and a.attnum = any (conkey)) or (confrelid = c.oid and a.attnum = any (confkey))
        )
    )
)

-- name: tables
-- The tables that belong to no extension.
select n.nspname as schema, c.relname as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and 
n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relpersistence <> 't'
    and not exists (
        select from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )

order by 1, 2

-- name: partitioned
-- The tables that have partitions.
select n.nspname as schema, c.relname as name
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'p'

-- name: references
-- Which table refers to which.
select of_child.nspname, child.relname, of_parent.nspname, parent.relname
from pg_constraint as k
join pg_class as child on child.oid = k.conrelid
join pg_namespace as of_child on of_child.oid = child.relnamespace
join pg_class as parent on parent.oid = k.confrelid
join pg_namespace as of_parent on of_parent.oid = parent.relnamespace
where k.contype = 'f'

-- name: referring_columns
-- The columns that refer to a column of another table, each with it. References of several columns are left out.
select of_child.nspname, child.relname, a.attname, of_parent.nspname, parent.relname, of_parent_column.attname
from pg_constraint as k
join pg_class as child on child.oid = k.conrelid
join pg_namespace as of_child on of_child.oid = child.relnamespace
join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
join pg_class as parent on parent.oid = k.confrelid
join pg_namespace as of_parent on of_parent.oid = parent.relnamespace
join pg_attribute as of_parent_column on of_parent_column.attrelid = k.confrelid and of_parent_column.attnum = k.confkey[1]
where k.contype = 'f' and cardinality(k.conkey) = 1

-- name: sequences
-- The sequences that belong to no extension, each with its next number and the column that owns it,
-- if any.
select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
    coalesce(pg_sequence_last_value(c.oid) + s.seqincrement, s.seqstart) as start,
    quote_ident(owner_n.nspname) || '.' || quote_ident(owner.relname) as table, quote_ident(a.attname) as column
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_sequence as s on s.seqrelid = c.oid
left join pg_depend as d on d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
left join pg_class as owner on owner.oid = d.refobjid
left join pg_namespace as owner_n on owner_n.oid = owner.relnamespace
left join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where c.relkind = 'S' and 
n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relpersistence <> 't'
    and not exists (
        select from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )

order by 1, 2

-- name: opaque
-- Why the footprint of every statement is unknown.
select format('the extension %s can do what locks do not show', extname)
from pg_extension
where extname not in (
    'plpgsql', 'pgcrypto', 'uuid-ossp', 'citext', 'pg_trgm', 'btree_gin', 'btree_gist', 'hstore', 'intarray', 'ltree',
    'unaccent', 'fuzzystrmatch', 'tablefunc', 'moddatetime', 'pg_stat_statements'
)
union all
select 'transactions are not READ COMMITTED by default'
where current_setting('default_transaction_isolation') <> 'read committed'
    or exists (select from pg_db_role_setting where array_to_string(setconfig, ',') like '%isolation%')

-- name: deferred
-- Whether constraints or triggers are deferred to the end of the transaction.
select exists (select from pg_trigger where tginitdeferred)

-- name: triggers_on_delete
-- Whether a deletion fires triggers or rules.
select exists (
    select from pg_trigger as t join pg_class as c on c.oid = t.tgrelid join pg_namespace as n on n.oid = c.relnamespace
    where not t.tgisinternal and t.tgtype::int & 8 > 0 and n.nspname not in ('pg_catalog', 'information_schema')
) or exists (select from pg_rewrite where ev_type = '4')

-- name: keyed
-- Tables of public with a one-column key, where a statement touches only the rows that it names.
-- They have no triggers, rules, inheritance or references to themselves. Their policies read no
-- other table; policies, defaults, checks and indexes call no function that may. Their name is
-- unique. Operators, and the functions that statements may call, are Postgres' own.
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

-- name: functions
-- The functions of public, each with those of the given roles that may execute it.
select p.proname as name, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
    array(select r from unnest(%s::text[]) as r where has_function_privilege(r, p.oid, 'execute')) as executable_by,
    p.prosecdef as security_definer,
    (select setting from unnest(p.proconfig) as setting where setting like 'search_path=%%') as search_path,
    concat(p.prosrc, pg_get_function_sqlbody(p.oid)) as body
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
order by p.proname, p.oid
