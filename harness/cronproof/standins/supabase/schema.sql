-- name: columns
-- The columns of tables and views with their types.
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by 1, a.attnum

-- name: views
-- The views.
select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')

-- name: primary_keys
-- The columns of each primary key, in order.
select c.relname, 
array(
    select a.attname::text from unnest(k.conkey) with ordinality as n (number, position)
    join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = n.number order by n.position
)

from pg_constraint as k join pg_class as c on c.oid = k.conrelid
where k.contype = 'p' and c.relnamespace = 'public'::regnamespace

-- name: references
-- Foreign keys, each with whether at most one row refers to each.
select k.conname, child.relname, 
    array(
        select a.attname::text from unnest(k.conkey) with ordinality as n (number, position)
        join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = n.number order by n.position
    )
,
        parent.relname, 
    array(
        select a.attname::text from unnest(k.confkey) with ordinality as n (number, position)
        join pg_attribute as a on a.attrelid = k.confrelid and a.attnum = n.number order by n.position
    )
,
        exists (
            select from pg_constraint as u
            where u.conrelid = k.conrelid and u.contype in ('p', 'u') and u.conkey <@ k.conkey
        )
    from pg_constraint as k
    join pg_class as child on child.oid = k.conrelid
    join pg_class as parent on parent.oid = k.confrelid
    where k.contype = 'f' and child.relnamespace = 'public'::regnamespace and parent.relnamespace = 'public'::regnamespace
    order by 1

-- name: functions
-- The functions that can be called by name. Those with an argument without a name are not in the API.
select p.proname,
    array(
        select coalesce(p.proargnames[n], '')
        from generate_series(1, coalesce(cardinality(p.proallargtypes), p.pronargs)) as n
        where p.proargmodes is null or p.proargmodes[n] in ('i', 'b')
        order by n
    ),
    array(select format_type(t, null) from unnest(p.proargtypes) as t),
    p.pronargdefaults, p.proretset,
    case when p.prorettype = 'void'::regtype then 'void'
        when t.typtype = 'c' or p.prorettype = 'record'::regtype or p.proargmodes && array['t', 'o', 'b']::"char"[]
            then 'composite'
        else 'scalar' end,
    p.provolatile = 'v'
from pg_proc as p
join pg_type as t on t.oid = p.prorettype
where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and p.provariadic = 0
    and p.prorettype <> 'trigger'::regtype
    and (p.pronargs = 0 or p.proargnames is not null and '' <> all (p.proargnames))
order by p.proname, p.oid
