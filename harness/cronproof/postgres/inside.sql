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

-- Puts points on a table, or switches on what has been switched off. They fire in every session, those of
-- replication too, and after all others, since triggers fire in the order of their names' bytes. A partition gets
-- the trigger for rows from its parent, and must not have one of its own. Returns false where it cannot be done.
create function cronproof_points.put_on(target oid) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    of_table text := (
        select format('%I.%I', n.nspname, c.relname) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.oid = target
    );
    keys text := (
        select string_agg(quote_literal(a.attname), ', ' order by a.attnum)
        from pg_index as i join pg_attribute as a on a.attrelid = target and a.attnum = any (i.indkey)
        where i.indrelid = target and i.indisprimary
    );
    own text := {last} || 'cronproof_rows_' || target;
    is_partition boolean := (select c.relispartition from pg_class as c where c.oid = target);
    name text;
    made text;
begin
    if is_partition and exists (select from pg_trigger as t where t.tgrelid = target and t.tgname = own) then
        execute format('drop trigger %I on %s', own, of_table);
    end if;
    for name, made in values
        ({last} || 'cronproof_name', 'insert or update or delete on %s for each statement execute function cronproof_points.at_statement()'),
        ({last} || 'cronproof_truncated', 'truncate on %s for each statement execute function cronproof_points.at_statement()'),
        (own, 'insert or update or delete on %s for each row execute function cronproof_points.at_row(%s)')
    loop
        if not (name = own and is_partition)
            and not exists (select from pg_trigger as t where t.tgrelid = target and t.tgname = name)
        then
            execute format('create trigger %I before ', name) || format(made, of_table, keys);
        end if;
    end loop;
    for name in
        select t.tgname from pg_trigger as t
        where t.tgrelid = target and t.tgname like {last} || 'cronproof%' and t.tgenabled <> 'A'
    loop
        execute format('alter table only %s enable always trigger %I', of_table, name);
    end loop;
    return true;
exception when others then
    return false;
end
$$;

-- Puts points on all tables of the application. Returns whether all have them.
create function cronproof_points.put_on_all() returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    return coalesce((
        select bool_and(cronproof_points.put_on(found.oid))
        from (
            select c.oid from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and c.relpersistence <> 't'
                and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'cronproof', 'cronproof_points')
                and not exists (
                    select from pg_depend as d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
                )
            order by c.relispartition, n.nspname, c.relname  -- a partition comes after the table that it belongs to
        ) as found
    ), true);
end
$$;

-- Migrations may take the right to execute new functions away by default.
grant execute on all functions in schema cronproof_points to public

-- name: later
-- Puts points on tables that the application makes later, and again where it switches them off. Before it
-- changes the schema, there is a point as well. Only a superuser may create these.
create function cronproof_points.at_ddl_start() returns event_trigger language plpgsql as $$
begin
    if pg_catalog.current_setting('cronproof_points.is_changing', true) is distinct from 'yes' and cronproof_points.is_on() then
        perform cronproof_points.hold(pg_catalog.concat_ws(E'\t', 'command', tg_tag, ''));
    end if;
end
$$;

create function cronproof_points.at_ddl_end() returns event_trigger
language plpgsql set cronproof_points.is_changing = 'yes' as $$
begin
    perform cronproof_points.put_on_all();
end
$$;

create event trigger cronproof_points_start on ddl_command_start execute function cronproof_points.at_ddl_start();
create event trigger cronproof_points_end on ddl_command_end
when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
execute function cronproof_points.at_ddl_end();
alter event trigger cronproof_points_start enable always;
alter event trigger cronproof_points_end enable always;
grant execute on all functions in schema cronproof_points to public

-- name: functions
-- The functions that instances may execute, each with the statement that creates it, and whether something
-- that is no function calls it, such as a trigger, a view or a default.
select p.proname, l.lanname, p.provolatile = 'v', coalesce(p.prosrc, ''), pg_get_functiondef(p.oid), exists (
    select from pg_depend as d
    where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid
        and (d.classid <> 'pg_proc'::regclass or exists (select from pg_aggregate as a where a.aggfnoid = d.objid))
)
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
where p.prokind in ('f', 'p')
    and n.nspname not in ('pg_catalog', 'information_schema', 'cronproof', 'cronproof_points')
    and not exists (
        select from pg_depend as d
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
order by p.oid

-- name: of_extensions
-- The names of the functions of extensions.
select distinct p.proname
from pg_proc as p join pg_depend as d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'

-- name: let_go
-- Lets a backend go on from its point, and is ready for the next one.
select pg_advisory_lock({next}, %(pid)s), pg_advisory_unlock({go}, %(pid)s), pg_advisory_lock({turn}, %(pid)s),
    pg_advisory_lock({go}, %(pid)s), pg_advisory_unlock({turn}, %(pid)s), pg_advisory_unlock({next}, %(pid)s)
