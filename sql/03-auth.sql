-- auth.jwt(): the claims of the request, as Supabase's function of that name returns them. The REST API sets
-- request.jwt.claims for each transaction; without a request there are no claims.

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;

create or replace function auth.jwt() returns jsonb
language sql
stable
set search_path = ''
as $$
    select nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;
