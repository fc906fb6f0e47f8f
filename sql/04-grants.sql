-- What Supabase grants in the schema public: every privilege on every object to the three API roles, now and by
-- default later. Row-level security, not the grant, is what holds the first two back. The defaults cover functions too,
-- which is why a migration must revoke EXECUTE from anon and authenticated by name: revoking it from PUBLIC is not
-- enough.

grant usage on schema public to anon, authenticated, service_role;

grant all on all tables in schema public to anon, authenticated, service_role;
grant all on all sequences in schema public to anon, authenticated, service_role;

alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
