-- name: watch
-- Logs what others than us change in the schema. Of what was there before it is known how it was: tables in
-- full, other objects only that they were there.
create function cronproof.definition_of(object_class oid, object oid) returns text language sql stable
set search_path = '' as $$
select case when object_class = 'pg_catalog.pg_class'::pg_catalog.regclass then (
    select pg_catalog.md5(pg_catalog.concat_ws(E'\n',
        c.relname, c.relnamespace, c.relkind, c.relowner, c.relacl, c.reloptions, c.relrowsecurity, c.relforcerowsecurity,
        c.relpersistence, case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end,
        (
            select pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
                a.attidentity, a.attgenerated, a.attcollation, a.attacl, pg_catalog.pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum)
            from pg_catalog.pg_attribute as a
            left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        ),
        (
            select pg_catalog.string_agg(pg_catalog.concat_ws(' ', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), ',' order by k.conname)
            from pg_catalog.pg_constraint as k where k.conrelid = c.oid
        ),
        (
            select pg_catalog.string_agg(pg_catalog.concat_ws(' ', t.tgname, t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid)), ',' order by t.tgname)
            from pg_catalog.pg_trigger as t where t.tgrelid = c.oid and not t.tgisinternal and t.tgname not like '%cronproof%'
        )
    ))
    from pg_catalog.pg_class as c where c.oid = object and c.relkind in ('r', 'p', 'v', 'm')
) when object_class = 'pg_catalog.pg_proc'::pg_catalog.regclass then (
    select pg_catalog.md5(pg_catalog.concat_ws(E'\n', p.proowner, p.proacl, pg_catalog.pg_get_functiondef(p.oid)))
    from pg_catalog.pg_proc as p where p.oid = object and p.prokind in ('f', 'p')
) end
$$;

create table cronproof.known_objects as
select class, oid as object, cronproof.definition_of(class, oid) as definition from (
    select 'pg_catalog.pg_class'::regclass::oid as class, oid from pg_class
    where relnamespace <> all (array['pg_catalog', 'pg_toast', 'information_schema']::regnamespace[])
    union all select 'pg_catalog.pg_proc'::regclass, oid from pg_proc
    where pronamespace <> all (array['pg_catalog', 'information_schema']::regnamespace[])
    union all select 'pg_catalog.pg_type'::regclass, oid from pg_type
    where typnamespace <> all (array['pg_catalog', 'information_schema']::regnamespace[])
    union all select 'pg_catalog.pg_namespace'::regclass, oid from pg_namespace
    union all select 'pg_catalog.pg_trigger'::regclass, oid from pg_trigger
    union all select 'pg_catalog.pg_policy'::regclass, oid from pg_policy
    union all select 'pg_catalog.pg_rewrite'::regclass, oid from pg_rewrite where oid >= 16384
    union all select 'pg_catalog.pg_extension'::regclass, oid from pg_extension
) as objects (class, oid);

create table cronproof.schema_changes (
    id bigint generated always as identity, tag text not null, kind text, identity text, class oid, object oid,
    is_drop boolean not null
);

create function cronproof.note_change() returns event_trigger language plpgsql security definer
set search_path = '' as $$
begin
    if session_user <> {owner} then
        insert into cronproof.schema_changes (tag, kind, identity, class, object, is_drop)
        select c.command_tag, c.object_type, c.object_identity, c.classid, c.objid, false
        from pg_catalog.pg_event_trigger_ddl_commands() as c
        where c.schema_name is distinct from 'pg_temp' and c.command_tag <> 'COMMENT';
    end if;
end
$$;

create function cronproof.note_drop() returns event_trigger language plpgsql security definer
set search_path = '' as $$
begin
    if session_user <> {owner} then
        insert into cronproof.schema_changes (tag, kind, identity, class, object, is_drop)
        select tg_tag, d.object_type, d.object_identity, d.classid, d.objid, d.objsubid = 0
        from pg_catalog.pg_event_trigger_dropped_objects() as d
        where d.original and not d.is_temporary;
    end if;
end
$$;

create event trigger cronproof_note_change on ddl_command_end execute function cronproof.note_change();
create event trigger cronproof_note_drop on sql_drop execute function cronproof.note_drop();
alter event trigger cronproof_note_change enable always;
alter event trigger cronproof_note_drop enable always

-- name: watch_new
-- Tells of tables, views, sequences and functions that were not there before, where {owner} may create no event
-- trigger. Other changes are not seen.
create table cronproof.known_objects as
select oid as object from pg_class union all select oid from pg_proc;
create view cronproof.schema_changes as
select 'CREATE'::text as tag, kind, identity, object from (
    select case relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
        oid::regclass::text, oid
    from pg_class where relkind in ('r', 'p', 'v', 'm', 'S') and relpersistence <> 't'
    union all select 'routine', oid::regprocedure::text, oid from pg_proc
) as there (kind, identity, object)
where not exists (select from cronproof.known_objects as k where k.object = there.object);
insert into cronproof.known_objects select object from cronproof.schema_changes

-- name: new
-- What is new, tables first.
select tag, kind, identity, true, false from cronproof.schema_changes order by kind is distinct from 'table', object desc

-- name: changes
-- What was changed: whether it was created, or is again as it was. What goes with something else comes after it.
select c.tag, c.kind, c.identity, c.object <> 0 and k.object is null, not c.is_drop
    and k.definition is not distinct from cronproof.definition_of(c.class, c.object) and k.definition is not null
from cronproof.schema_changes as c
left join cronproof.known_objects as k on k.class = c.class and k.object = c.object
order by c.kind is distinct from 'schema', c.kind is distinct from 'extension', c.kind is distinct from 'table', c.id desc
