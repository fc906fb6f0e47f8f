-- The roles that Supabase gives every project.
--
-- anon           a visitor without a session
-- authenticated  a visitor with one
-- service_role   the project's own servers; row-level security does not apply to it
-- authenticator  the login role of the REST API, which becomes one of the three for each request
--
-- Roles belong to the server, not to a database: on a server that has them, nothing changes.

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
