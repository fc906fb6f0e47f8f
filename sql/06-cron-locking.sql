-- One claim function for each cron that messages a customer about a completed job.
--
-- A claim picks open jobs, sets the cron's own *_sent_at, and returns the jobs, in one statement. Three things make it
-- safe when several instances of the cron run at once:
--
--   for update of jobs   a picked row stays with the instance that picked it until that one commits
--   skip locked          the others pass over it instead of waiting
--   the update           leaves the mark that outlives the lock
--
-- Only `jobs` is locked. The customer is joined after the claim, and with a left join: a claimed job is always
-- returned, because a job that is marked but not returned would never be sent. An instance that fails to send sets the
-- column of that one job back to null.
--
-- The functions run with the caller's rights and a pinned search_path, and only service_role may execute them. Postgres
-- grants EXECUTE on a new function to PUBLIC, and Supabase's default privileges grant it to anon and authenticated by
-- name: both have to be revoked.

create or replace function public.claim_jobs_for_followup(
    p_tenant_id uuid,
    p_batch_size int default 20
)
returns table (
    job_id int,
    customer_id int,
    job_phone_number text,
    team_id int,
    completed_at timestamptz,
    paid boolean,
    stripe_payment_intent_id text,
    customer_first_name text,
    customer_last_name text,
    customer_phone text
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select j.id
        from public.jobs as j
        where j.tenant_id = p_tenant_id
            and j.status = 'completed'
            and j.followup_sent_at is null
            and j.completed_at < now() - interval '2 hours'
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), claimed as (
        update public.jobs as j
        set followup_sent_at = now(), updated_at = now()
        from picked
        where j.id = picked.id
        returning j.*
    )
    select
        claimed.id, claimed.customer_id, claimed.phone_number, claimed.team_id, claimed.completed_at, claimed.paid,
        claimed.stripe_payment_intent_id, c.first_name, c.last_name, c.phone_number
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

-- Every tenant's jobs, more than 30 days after completion.
create or replace function public.claim_jobs_for_monthly_followup(
    p_batch_size int default 100
)
returns table (
    job_id int,
    customer_id int,
    job_phone_number text,
    completed_at timestamptz,
    customer_first_name text,
    customer_phone text
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select j.id
        from public.jobs as j
        where j.status = 'completed'
            and j.monthly_followup_sent_at is null
            and j.completed_at < now() - interval '30 days'
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), claimed as (
        update public.jobs as j
        set monthly_followup_sent_at = now(), updated_at = now()
        from picked
        where j.id = picked.id
        returning j.*
    )
    select
        claimed.id, claimed.customer_id, claimed.phone_number, claimed.completed_at, c.first_name, c.phone_number
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

-- Claims by the column of the monthly follow-up: a job gets one of the two messages, never both.
create or replace function public.claim_jobs_for_monthly_reengagement(
    p_tenant_id uuid,
    p_window_start timestamptz,
    p_window_end timestamptz,
    p_batch_size int default 30
)
returns table (
    job_id int,
    customer_id int,
    job_phone_number text,
    completed_at timestamptz,
    customer_first_name text,
    customer_last_name text,
    customer_phone text
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select j.id
        from public.jobs as j
        where j.tenant_id = p_tenant_id
            and j.status = 'completed'
            and j.monthly_followup_sent_at is null
            and j.completed_at between p_window_start and p_window_end
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), claimed as (
        update public.jobs as j
        set monthly_followup_sent_at = now(), updated_at = now()
        from picked
        where j.id = picked.id
        returning j.*
    )
    select
        claimed.id, claimed.customer_id, claimed.phone_number, claimed.completed_at, c.first_name, c.last_name,
        c.phone_number
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

-- A customer who had the monthly message is not nudged about the same job.
create or replace function public.claim_jobs_for_frequency_nudge(
    p_tenant_id uuid,
    p_window_start timestamptz,
    p_window_end timestamptz,
    p_batch_size int default 30
)
returns table (
    job_id int,
    customer_id int,
    job_phone_number text,
    completed_at timestamptz,
    customer_first_name text,
    customer_phone text
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select j.id
        from public.jobs as j
        where j.tenant_id = p_tenant_id
            and j.status = 'completed'
            and j.frequency_nudge_sent_at is null
            and j.monthly_followup_sent_at is null
            and j.completed_at between p_window_start and p_window_end
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), claimed as (
        update public.jobs as j
        set frequency_nudge_sent_at = now(), updated_at = now()
        from picked
        where j.id = picked.id
        returning j.*
    )
    select
        claimed.id, claimed.customer_id, claimed.phone_number, claimed.completed_at, c.first_name, c.phone_number
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

do $$
declare
    claim regprocedure;
begin
    foreach claim in array array[
        'public.claim_jobs_for_followup(uuid, int)',
        'public.claim_jobs_for_monthly_followup(int)',
        'public.claim_jobs_for_monthly_reengagement(uuid, timestamptz, timestamptz, int)',
        'public.claim_jobs_for_frequency_nudge(uuid, timestamptz, timestamptz, int)'
    ]::regprocedure[] loop
        execute format('revoke all on function %s from public, anon, authenticated', claim);
        execute format('grant execute on function %s to service_role', claim);
    end loop;
end
$$;
