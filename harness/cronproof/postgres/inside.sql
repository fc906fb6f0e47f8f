-- name: points
-- What holds a backend inside its statements, by locks on its process id. Whoever holds it has `on` and
-- `go`, and `rows` if it is to stop before every row. At a point the backend takes `turn`, says where it
-- is, and waits for `go`, then for `next`. To let it go on, `next` is taken and `go` released; when it
-- gives up `turn`, it has passed `go`. Then `go` is taken again, and `next` released.
create schema cronproof_points;
grant usage on schema cronproof_points to public;

create function cronproof_points.is_on() returns boolean language plpgsql as $$
begin
    return case when pg_catalog.pg_try_advisory_lock_shared({on}, pg_catalog.pg_backend_pid())
        then not pg_catalog.pg_advisory_unlock_shared({on}, pg_catalog.pg_backend_pid()) else true end;
end
$$;

-- INFO reaches the client whatever its client_min_messages are. The setting is for the application's
-- own lock_timeout, which must not run out while it is held.
create function cronproof_points.hold(what text) returns void language plpgsql set lock_timeout = 0 as $$
begin
    perform pg_catalog.pg_advisory_lock({turn}, pg_catalog.pg_backend_pid());
    begin
        raise info using errcode = 'CP001', message = what;
        perform pg_catalog.pg_advisory_lock_shared({go}, pg_catalog.pg_backend_pid());
    exception when query_canceled or others then
        perform pg_catalog.pg_advisory_unlock({turn}, pg_catalog.pg_backend_pid());
        raise;
    end;
    perform pg_catalog.pg_advisory_unlock_shared({go}, pg_catalog.pg_backend_pid());
    perform pg_catalog.pg_advisory_unlock({turn}, pg_catalog.pg_backend_pid());
    perform pg_catalog.pg_advisory_lock_shared({next}, pg_catalog.pg_backend_pid());
    perform pg_catalog.pg_advisory_unlock_shared({next}, pg_catalog.pg_backend_pid());
end
$$;

-- Holds it before a row, or says only which row it is, where rows are not wanted.
create function cronproof_points.hold_at(verb text, target text, row_now jsonb, keys text[]) returns void
language plpgsql as $$
declare
    key text := pg_catalog.array_to_string(array(
        select pg_catalog.jsonb_extract_path_text(row_now, name) from pg_catalog.unnest(keys) as name
    ), ', ');
    what text := pg_catalog.concat_ws(E'\t', 'row', verb, target, key);
begin
    if pg_catalog.pg_try_advisory_lock_shared({rows}, pg_catalog.pg_backend_pid()) then
        perform pg_catalog.pg_advisory_unlock_shared({rows}, pg_catalog.pg_backend_pid());
        raise info using errcode = 'CP002', message = what;
    else
        perform cronproof_points.hold(what);
    end if;
end
$$;

-- For functions: as a condition it changes neither FOUND nor the row count.
create function cronproof_points.reach(what text) returns boolean language plpgsql as $$
begin
    if cronproof_points.is_on() then
        perform cronproof_points.hold(what);
    end if;
    return false;
end
$$;

create function cronproof_points.at_statement() returns trigger language plpgsql as $$
begin
    if cronproof_points.is_on() then
        perform cronproof_points.hold(pg_catalog.concat_ws(
            E'\t', 'statement', tg_op, pg_catalog.concat_ws('.', tg_table_schema, tg_table_name)
        ));
    end if;
    return null;
end
$$;

create function cronproof_points.at_row() returns trigger language plpgsql as $$
begin
    if cronproof_points.is_on() then
        perform cronproof_points.hold_at(
            tg_op, pg_catalog.concat_ws('.', tg_table_schema, tg_table_name),
            case tg_op when 'INSERT' then pg_catalog.to_jsonb(new) else pg_catalog.to_jsonb(old) end, tg_argv
        );
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end
$$;

-- Migrations may take the right to execute new functions away by default.
grant execute on all functions in schema cronproof_points to public

-- name: tables
-- The tables to put points on, each with the columns of its primary key, and whether it is a partition,
-- which gets the triggers for rows from its parent.
select n.nspname, c.relname, c.relispartition, array(
    select a.attname::text from pg_index as i join pg_attribute as a on a.attrelid = c.oid and a.attnum = any (i.indkey)
    where i.indrelid = c.oid and i.indisprimary order by a.attnum
)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relpersistence <> 't'
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'cronproof', 'cronproof_points')
    and not exists (
        select from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by 1, 2

-- name: functions
-- The functions that instances may execute, each with the statement that creates it, and whether something
-- that is no function calls it, such as a trigger, a view or a default.
select p.proname, l.lanname, p.provolatile = 'v', coalesce(p.prosrc, ''), pg_get_functiondef(p.oid), exists (
    select from pg_depend as d
    where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid and d.classid <> 'pg_proc'::regclass
)
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
where p.prokind in ('f', 'p')
    and n.nspname not in ('pg_catalog', 'information_schema', 'cronproof', 'cronproof_points')
    and not exists (
        select from pg_depend as d
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
order by p.oid

-- name: triggers
-- The points of one table. They fire in every session, replication's too.
create trigger {name} before insert or update or delete on {table}
for each statement execute function cronproof_points.at_statement();
create trigger {truncated} before truncate on {table}
for each statement execute function cronproof_points.at_statement();
alter table {table} enable always trigger {name}, enable always trigger {truncated}

-- name: row_trigger
-- The points before the rows of one table.
create trigger {rows} before insert or update or delete on {table}
for each row execute function cronproof_points.at_row({keys});
alter table {table} enable always trigger {rows}

-- name: let_go
-- Lets a backend go on from its point, and is ready for the next one.
select pg_advisory_lock({next}, %(pid)s), pg_advisory_unlock({go}, %(pid)s), pg_advisory_lock({turn}, %(pid)s),
    pg_advisory_lock({go}, %(pid)s), pg_advisory_unlock({turn}, %(pid)s), pg_advisory_unlock({next}, %(pid)s)
