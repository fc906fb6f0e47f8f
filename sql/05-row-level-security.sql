-- Row-level security on every tenant table: a request sees the rows of the tenant that its JWT names, and no others.
-- Without a JWT it sees none, and that silently: a cron with the anonymous key finds nothing to do and reports success.

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'customers', 'cleaners', 'jobs', 'cleaner_assignments', 'messages', 'system_events',
        'reminder_notifications', 'scheduled_tasks', 'ghl_followups'
    ] loop
        execute format('alter table public.%I enable row level security', tenant_table);
        execute format('drop policy if exists tenant_isolation on public.%I', tenant_table);
        execute format(
            $policy$
            create policy tenant_isolation on public.%I
                using (tenant_id = (select (auth.jwt() ->> 'tenant_id')::uuid))
                with check (tenant_id = (select (auth.jwt() ->> 'tenant_id')::uuid))
            $policy$,
            tenant_table
        );
    end loop;
end
$$;

alter table public.tenants enable row level security;
drop policy if exists tenant_isolation on public.tenants;
create policy tenant_isolation on public.tenants
    using (id = (select (auth.jwt() ->> 'tenant_id')::uuid))
    with check (id = (select (auth.jwt() ->> 'tenant_id')::uuid));
