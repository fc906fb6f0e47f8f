-- name: blockers
-- Which interesting backends hold a lock that a given one waits for. A wait counts after 4 ms, when
-- the deadlock check is done (deadlock_timeout is 1 ms on our servers). So no check comes after the
-- next step, and the victim of a deadlock is always the last one to wait.
select blocker from unnest(%s::int[]) as waiting, unnest(pg_blocking_pids(waiting)) as blocker
where pg_catalog.pg_isolation_test_session_is_blocked(waiting, %s::int[]) and exists (
    select from pg_locks where pid = waiting and waitstart < clock_timestamp() - interval '4 milliseconds'
)

-- name: held
-- What backends of this database keep beyond a call, first of all what would block a reset, and
-- whether it may still be on its way to its end. An advisory lock has a number of 64 bits, or two of
-- 32 (objsubid is 2 then).
select pid, 'has left a transaction open', true from pg_stat_activity
where datname = current_database() and state like 'idle in transaction%' and pid <> pg_backend_pid()
union all
select 0, format('has left the transaction %L prepared', gid), false from pg_prepared_xacts where database = current_database()
union all
select pid, format('holds the advisory lock %s', case objsubid
    when 1 then ((classid::bigint << 32) + objid::bigint)::text else format('%s, %s', classid, objid) end), false
from pg_locks
where locktype = 'advisory' and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
union all
select 0, format('keeps the temporary table %s', relname), false from pg_class where relpersistence = 't' and relkind = 'r'
union all
select -1, 'has changed the schema', false where exists (select from cronproof.schema_changes)
limit 1

-- name: locks
-- The locks of a backend. The name is NULL if the object does not matter: indexes, views, temporary
-- tables, our log. It is empty if unknown: changes of system and foreign tables hold no lock here. To read
-- how the schema is depends on what only unknown steps change. The locks of points inside statements (`inside.py`) are ours.
select l.locktype, l.mode, case
    when l.locktype = 'advisory' then format('advisory lock %%s/%%s', l.classid, l.objid)
    when l.locktype <> 'relation' then ''
    when n.nspname in ('cronproof', 'pg_toast') or c.relkind in ('i', 'I', 't', 'v', 'c') or c.relpersistence = 't' then null
    when n.nspname = 'pg_catalog' and l.mode = 'AccessShareLock' then 'the catalog'
    when n.nspname in ('pg_catalog', 'information_schema') or c.relkind = 'f' then ''
    else coalesce(n.nspname || '.' || c.relname, '')
end, coalesce(c.relkind = 'S', false)
from pg_locks as l
left join pg_class as c on c.oid = l.relation
left join pg_namespace as n on n.oid = c.relnamespace
where l.pid = %s and not (l.locktype = 'advisory' and l.classid::bigint between 1668284417 and 1668284421)

-- name: grant
-- Gives the service role every right, unless the migrations have given it any: an application that
-- does not know it means to be the owner of its tables.
do $do$
declare
    of_schema text;
begin
    if exists (
        select from pg_class as c, aclexplode(c.relacl) as a
        where a.grantee = 'service_role'::regrole and c.relnamespace not in (
            'pg_catalog'::regnamespace, 'information_schema'::regnamespace
        )
    ) then
        return;
    end if;
    for of_schema in
        select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'cronproof')
    loop
        execute format('grant all on schema %1$I to service_role', of_schema);
        execute format('grant all on all tables in schema %1$I to service_role', of_schema);
        execute format('grant all on all sequences in schema %1$I to service_role', of_schema);
        execute format('grant all on all routines in schema %1$I to service_role', of_schema);
    end loop;
end
$do$
