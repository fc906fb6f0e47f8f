-- name: tables
-- Every table of the application with its columns in order, the words that a check or an enum allows, and what
-- each column refers to.
select json_agg(json_build_object('name', c.oid::regclass::text, 'columns', (
    select json_agg(json_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, null),
        'is_required', a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attgenerated = '',
        'is_nullable', not a.attnotnull,
        'is_made', a.attidentity <> '' or a.attgenerated <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid) ~ 'nextval', false),
        'default', pg_get_expr(d.adbin, d.adrelid),
        'words', coalesce(
            (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum as e where e.enumtypid = a.atttypid),
            (
                select json_agg(found[1]) from pg_constraint as k,
                    regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''::', 'g') as found
                where k.conrelid = c.oid and k.contype = 'c' and k.conkey = array[a.attnum]
            ),
            '[]'
        ),
        'refers_to', (
            select json_build_array(k.confrelid::regclass::text, target.attname)
            from pg_constraint as k
            join pg_attribute as target on target.attrelid = k.confrelid and target.attnum = k.confkey[1]
            where k.conrelid = c.oid and k.contype = 'f' and k.conkey = array[a.attnum]
            limit 1
        ),
        'is_key', exists (
            select from pg_index as i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey)
        )
    ) order by a.attnum)
    from pg_attribute as a
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
)))
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema', 'cronproof', 'cronproof_points') and n.nspname !~ '^pg_'

-- name: functions
-- The functions of the application, with their bodies.
select p.proname, pg_get_functiondef(p.oid) from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where p.prokind in ('f', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'cronproof')
    and not exists (select from pg_depend as d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
