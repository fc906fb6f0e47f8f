-- name: primary_key
-- The columns of a table's primary key, in order.
select array(
    select a.attname::text from unnest(i.indkey) with ordinality as k (attnum, position)
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    order by k.position
)
from pg_index as i where i.indrelid = {table}::regclass and i.indisprimary

-- name: types
-- The types of the columns of a view.
select attname::text, format_type(atttypid, atttypmod) from pg_attribute where attrelid = {view}::regclass and attnum > 0

-- name: read
-- The tables and columns that a view reads.
select n.nspname, c.relname, a.attname::text
from pg_rewrite as r
join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
join pg_class as c on c.oid = d.refobjid
join pg_namespace as n on n.oid = c.relnamespace
where r.ev_class = {view}::regclass and d.refobjid <> r.ev_class and d.refobjsubid > 0
order by d.refobjsubid

-- name: volatile
-- Which of these functions may give another result each time.
select proname from pg_proc where proname = any ({names}) and provolatile = 'v' limit 1

-- name: plan
-- Plans a query with an expression where none of several rows may stand.
explain select from {table} as {alias} where ({expression}) is null

-- name: log
-- Logs who claimed a unit, and in which order, which the rows do not show. The log has its own
-- schema. It is written with the owner's rights, and a rollback undoes both claim and entry.
create schema cronproof;
create table cronproof.claim_writes (
    id bigserial primary key, backend_pid int not null, unit jsonb, work text not null, is_set boolean not null,
    was_set boolean not null
);
create table cronproof.given_claims (unit jsonb not null, work text not null)

-- name: view
-- The units of a work with what is declared of them.
create view {view} as select {columns} from {table} as {alias}

-- name: function
-- Logs that a unit was claimed or given back. A row that is gone was claimed, if nothing else says so.
create function {function}() returns trigger language plpgsql security definer
set search_path from current set timezone from current set datestyle from current as $function$
#variable_conflict use_column
declare
    was_claimed boolean := false;
    is_claimed boolean := false;
begin
    if tg_op <> 'INSERT' then
        {of_old}
    end if;
    if tg_op = 'DELETE' then
        is_claimed := true;
    else
        {of_new}
    end if;
    if not (was_claimed or is_claimed) and (tg_op = 'UPDATE' or not exists (
        select from cronproof.claim_writes as w where w.work = {work} and w.unit = {new_key}
    )) then
        return null;
    end if;
    insert into cronproof.claim_writes (backend_pid, unit, work, is_set, was_set)
    values (pg_backend_pid(), case when tg_op = 'DELETE' then {old_key} else {new_key} end, {work}, is_claimed, was_claimed);
    return null;
end
$function$

-- name: trigger
-- Logs what instances write. The owner's own connection puts rows back, which is no claim.
create trigger {trigger} after {events} on {table} for each row when (pg_backend_pid() <> {control})
execute function {function}()

-- name: compare
-- Logs which units are claimed, or are no more, since a statement on another table. What the owner's
-- own connection puts there is given.
create function {function}() returns trigger language plpgsql security definer
set search_path from current set timezone from current set datestyle from current as $function$
#variable_conflict use_column
begin
    if pg_backend_pid() = {control} then
        delete from cronproof.given_claims as g where g.work = {work};
        insert into cronproof.given_claims select v.unit, {work} from {units} as v where v.claimed;
        return null;
    end if;
    insert into cronproof.claim_writes (backend_pid, unit, work, is_set, was_set)
    select pg_backend_pid(), v.unit, {work}, v.claimed, not v.claimed
    from {units} as v
    where v.claimed <> coalesce(
        (select w.is_set from cronproof.claim_writes as w where w.work = {work} and w.unit = v.unit order by w.id desc limit 1),
        exists (select from cronproof.given_claims as g where g.work = {work} and g.unit = v.unit)
    );
    return null;
end
$function$

-- name: keyed
-- The units of a work by their whole keys, and whether they are claimed.
(select jsonb_build_array({key}) as unit, coalesce(claimed, false) as claimed from {view})

-- name: statement_trigger
-- Looks after each statement on a table that tells whether units are claimed.
create trigger {trigger} after {events} on {table} for each statement execute function {function}()

-- name: claimed
-- Whether a record of a trigger is a claimed unit.
select coalesce(({condition}), false) into {variable} from (select {record}.*) as {alias};

-- name: units
-- The units of one work, in the order of their keys.
(
    select coalesce(json_agg(json_build_array({key}, coalesce(claimed, false), coalesce(done, false), coalesce(due, false), to_json(since), {match}, {contains}) order by {order}), '[]')
    from {view}
)
