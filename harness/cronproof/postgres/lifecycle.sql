-- name: rights
-- What the login may do.
select rolname as name, rolsuper or rolcreatedb as createdb, rolsuper or rolcreaterole as createrole,
    rolsuper or rolbypassrls as bypassrls
from pg_roles where rolname = current_user

-- name: lacking_roles
-- Which of the roles the server lacks.
select name from unnest(%s::text[]) as name where to_regrole(name) is null

-- name: roles
-- Supabase's roles, where the server lacks them.
do $$
begin
    if to_regrole('anon') is null then
        create role anon nologin noinherit;
    end if;
    if to_regrole('authenticated') is null then
        create role authenticated nologin noinherit;
    end if;
    if to_regrole('service_role') is null then
        create role service_role nologin noinherit bypassrls;
    end if;
    if to_regrole('authenticator') is null then
        create role authenticator nologin noinherit;
        grant anon, authenticated, service_role to authenticator;
    end if;
end
$$;

-- name: our_databases
-- The databases with our name and comment that the login may drop.
select datname from pg_database
where datname like %s and shobj_description(oid, 'pg_database') = %s and pg_has_role(datdba, 'usage')

-- name: our_roles
-- The roles with our comment.
select rolname from pg_roles where shobj_description(oid, 'pg_authid') = %s

-- name: lock_name
-- Locks the name of a database. Its run is alive while it holds the lock.
select pg_advisory_lock(hashtextextended(%s, 0))

-- name: try_lock_name
-- Takes the lock on the name of a database if it is free, which means that the run has ended.
select pg_try_advisory_lock(hashtextextended(%s, 0))

