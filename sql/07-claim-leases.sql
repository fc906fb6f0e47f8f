-- Claims that expire, for the four crons that message a customer about a completed job.
--
-- The claims of 06 are for ever: whoever dies between claim and message has lost the message, and whoever gives a job back
-- after a timeout sends it twice if OpenPhone had accepted it. Here each claim is a row of its own beside the mark:
--
--   claimed     an instance has it, until `due_at`; then it has died or forgotten it, and what became of it is unknown
--   unknown     the call broke off, or was answered with something that cannot be read: looked up before it is sent again
--   refused     OpenPhone said no: tried again, later each time, and not for ever
--   sent, skipped, given_up   decided
--
-- `claim_id` changes with every claim. Whoever writes what became of one names it, so that an instance that comes too late
-- changes nothing. `*_sent_at` is set while an instance has the claim and when the message is known to be sent, and null
-- otherwise: whoever may claim a job is decided by its claim.
--
-- What cannot be had: OpenPhone takes no idempotency key. A request that is under way for longer than a claim lasts is sent
-- again by the next run, and arrives twice. A claim must last longer than the platform lets an instance live.

create table if not exists public.message_claims (
    job_id int not null references public.jobs (id) on delete cascade,
    sent_column text not null
        check (sent_column in ('followup_sent_at', 'monthly_followup_sent_at', 'frequency_nudge_sent_at')),
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    cron text not null,
    claim_id uuid not null unique default gen_random_uuid(),
    state text not null default 'claimed'
        check (state in ('claimed', 'unknown', 'refused', 'sent', 'skipped', 'given_up')),
    attempts int not null default 1,
    first_claimed_at timestamptz not null default now(),
    due_at timestamptz not null,
    openphone_message_id text unique,
    last_error text,
    primary key (job_id, sent_column)
);
create index if not exists message_claims_due on public.message_claims (cron, due_at)
    where state in ('claimed', 'unknown', 'refused');

-- Until when a cron whose window moves with the time of its runs has covered a tenant's jobs.
create table if not exists public.cron_windows (
    cron text not null,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    covered_until timestamptz not null,
    primary key (cron, tenant_id)
);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['message_claims', 'cron_windows'] loop
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

-- How long a claim lasts: longer than any instance lives.
create or replace function public.claim_lasts() returns interval language sql immutable set search_path = '' as $$
    select interval '10 minutes'
$$;

-- How often a message is tried, the first time included.
create or replace function public.claim_attempts() returns int language sql immutable set search_path = '' as $$
    select 8
$$;

-- Each of the four picks by the rule of its function in 06. A job that was claimed once is never picked again: what is to
-- become of it is decided by its claim. The claim is written first and the mark after it: of a job whose claim somebody
-- else has written since, nothing is touched.

create or replace function public.lease_jobs_for_followup(p_tenant_id uuid, p_batch_size int default 20)
returns table (
    claim_id uuid, tenant_id uuid, job_id int, customer_id int, completed_at timestamptz, job_phone_number text,
    customer_phone text, customer_first_name text
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select j.id, j.tenant_id
        from public.jobs as j
        where j.tenant_id = p_tenant_id
            and j.status = 'completed'
            and j.followup_sent_at is null
            and j.completed_at < now() - interval '2 hours'
            and not exists (
                select from public.message_claims as c where c.job_id = j.id and c.sent_column = 'followup_sent_at'
            )
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), leased as (
        insert into public.message_claims as c (job_id, sent_column, tenant_id, cron, due_at)
        select picked.id, 'followup_sent_at', picked.tenant_id, 'post-job-followup', now() + public.claim_lasts()
        from picked
        on conflict on constraint message_claims_pkey do nothing
        returning c.job_id, c.claim_id
    ), claimed as (
        update public.jobs as j
        set followup_sent_at = now(), updated_at = now()
        from leased
        where j.id = leased.job_id
        returning j.*, leased.claim_id
    )
    select
        claimed.claim_id, claimed.tenant_id, claimed.id, claimed.customer_id, claimed.completed_at, claimed.phone_number,
        c.phone_number, c.first_name
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

create or replace function public.lease_jobs_for_monthly_followup(p_batch_size int default 100)
returns table (
    claim_id uuid, tenant_id uuid, job_id int, customer_id int, completed_at timestamptz, job_phone_number text,
    customer_phone text, customer_first_name text
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select j.id, j.tenant_id
        from public.jobs as j
        where j.status = 'completed'
            and j.monthly_followup_sent_at is null
            and j.completed_at < now() - interval '30 days'
            and not exists (
                select from public.message_claims as c
                where c.job_id = j.id and c.sent_column = 'monthly_followup_sent_at'
            )
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), leased as (
        insert into public.message_claims as c (job_id, sent_column, tenant_id, cron, due_at)
        select picked.id, 'monthly_followup_sent_at', picked.tenant_id, 'monthly-followup', now() + public.claim_lasts()
        from picked
        on conflict on constraint message_claims_pkey do nothing
        returning c.job_id, c.claim_id
    ), claimed as (
        update public.jobs as j
        set monthly_followup_sent_at = now(), updated_at = now()
        from leased
        where j.id = leased.job_id
        returning j.*, leased.claim_id
    )
    select
        claimed.claim_id, claimed.tenant_id, claimed.id, claimed.customer_id, claimed.completed_at, claimed.phone_number,
        c.phone_number, c.first_name
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

-- Its window is a day, and it runs once a day: a run that fails would leave a day that nobody covers. So a window begins
-- where the last one ended, up to a week ago, and ends before the first job that it had to leave: one too many for the
-- batch, or one that somebody else holds.
create or replace function public.lease_jobs_for_monthly_reengagement(
    p_tenant_id uuid, p_window_start timestamptz, p_window_end timestamptz, p_batch_size int default 30
)
returns table (
    claim_id uuid, tenant_id uuid, job_id int, customer_id int, completed_at timestamptz, job_phone_number text,
    customer_phone text, customer_first_name text
)
language sql
set search_path = ''
as $$
    with eligible as materialized (
        select j.id, j.completed_at
        from public.jobs as j
        left join public.cron_windows as w on w.cron = 'monthly-reengagement' and w.tenant_id = p_tenant_id
        where j.tenant_id = p_tenant_id
            and j.status = 'completed'
            and j.monthly_followup_sent_at is null
            and j.completed_at between
                greatest(least(p_window_start, w.covered_until), p_window_start - interval '7 days') and p_window_end
            and not exists (
                select from public.message_claims as c
                where c.job_id = j.id and c.sent_column = 'monthly_followup_sent_at'
            )
    ), picked as materialized (
        select j.id, j.tenant_id
        from public.jobs as j
        where j.id in (select id from eligible) and j.status = 'completed' and j.monthly_followup_sent_at is null
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), covered as (
        insert into public.cron_windows as w (cron, tenant_id, covered_until)
        select 'monthly-reengagement', p_tenant_id, coalesce(min(eligible.completed_at), p_window_end)
        from eligible
        where eligible.id not in (select id from picked)
        on conflict (cron, tenant_id) do update set covered_until = excluded.covered_until
    ), leased as (
        insert into public.message_claims as c (job_id, sent_column, tenant_id, cron, due_at)
        select
            picked.id, 'monthly_followup_sent_at', picked.tenant_id, 'monthly-reengagement', now() + public.claim_lasts()
        from picked
        on conflict on constraint message_claims_pkey do nothing
        returning c.job_id, c.claim_id
    ), claimed as (
        update public.jobs as j
        set monthly_followup_sent_at = now(), updated_at = now()
        from leased
        where j.id = leased.job_id
        returning j.*, leased.claim_id
    )
    select
        claimed.claim_id, claimed.tenant_id, claimed.id, claimed.customer_id, claimed.completed_at, claimed.phone_number,
        c.phone_number, c.first_name
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

create or replace function public.lease_jobs_for_frequency_nudge(
    p_tenant_id uuid, p_window_start timestamptz, p_window_end timestamptz, p_batch_size int default 30
)
returns table (
    claim_id uuid, tenant_id uuid, job_id int, customer_id int, completed_at timestamptz, job_phone_number text,
    customer_phone text, customer_first_name text
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select j.id, j.tenant_id
        from public.jobs as j
        where j.tenant_id = p_tenant_id
            and j.status = 'completed'
            and j.frequency_nudge_sent_at is null
            and j.monthly_followup_sent_at is null
            and j.completed_at between p_window_start and p_window_end
            and not exists (
                select from public.message_claims as c
                where c.job_id = j.id and c.sent_column = 'frequency_nudge_sent_at'
            )
        order by j.completed_at, j.id
        limit p_batch_size
        for update of j skip locked
    ), leased as (
        insert into public.message_claims as c (job_id, sent_column, tenant_id, cron, due_at)
        select picked.id, 'frequency_nudge_sent_at', picked.tenant_id, 'frequency-nudge', now() + public.claim_lasts()
        from picked
        on conflict on constraint message_claims_pkey do nothing
        returning c.job_id, c.claim_id
    ), claimed as (
        update public.jobs as j
        set frequency_nudge_sent_at = now(), updated_at = now()
        from leased
        where j.id = leased.job_id
        returning j.*, leased.claim_id
    )
    select
        claimed.claim_id, claimed.tenant_id, claimed.id, claimed.customer_id, claimed.completed_at, claimed.phone_number,
        c.phone_number, c.first_name
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

-- Takes over what a cron has left undecided: what was refused and is to be tried again, and what nobody knows the outcome
-- of. Of the latter `asked_since` is the time since when OpenPhone may have it. Both rows are locked, and locked ones
-- skipped, as a job may be in the hands of another cron. Whatever window the job was claimed in, it has been passed by now.
create or replace function public.lease_jobs_again(p_cron text, p_batch_size int default 20)
returns table (
    claim_id uuid, tenant_id uuid, job_id int, customer_id int, completed_at timestamptz, job_phone_number text,
    customer_phone text, customer_first_name text, asked_since timestamptz
)
language sql
set search_path = ''
as $$
    with picked as materialized (
        select c.job_id, c.sent_column, c.state
        from public.message_claims as c
        join public.jobs as j on j.id = c.job_id
        where c.cron = p_cron
            and c.state in ('claimed', 'unknown', 'refused')
            and c.due_at <= now()
            and c.attempts < public.claim_attempts()
        order by c.due_at, c.job_id
        limit p_batch_size
        for update of c, j skip locked
    ), leased as (
        update public.message_claims as c
        set claim_id = gen_random_uuid(), state = 'claimed', attempts = c.attempts + 1,
            due_at = now() + public.claim_lasts()
        from picked
        where c.job_id = picked.job_id and c.sent_column = picked.sent_column
        returning c.*, picked.state as was
    ), claimed as (
        update public.jobs as j
        set followup_sent_at = case
                when leased.sent_column = 'followup_sent_at' then coalesce(j.followup_sent_at, now())
                else j.followup_sent_at
            end,
            monthly_followup_sent_at = case
                when leased.sent_column = 'monthly_followup_sent_at' then coalesce(j.monthly_followup_sent_at, now())
                else j.monthly_followup_sent_at
            end,
            frequency_nudge_sent_at = case
                when leased.sent_column = 'frequency_nudge_sent_at' then coalesce(j.frequency_nudge_sent_at, now())
                else j.frequency_nudge_sent_at
            end,
            updated_at = now()
        from leased
        where j.id = leased.job_id
        returning j.*, leased.claim_id, leased.first_claimed_at, leased.was
    )
    select
        claimed.claim_id, claimed.tenant_id, claimed.id, claimed.customer_id, claimed.completed_at, claimed.phone_number,
        c.phone_number, c.first_name, case when claimed.was <> 'refused' then claimed.first_claimed_at end
    from claimed
    left join public.customers as c on c.id = claimed.customer_id
    order by claimed.completed_at, claimed.id
$$;

-- Writes what became of a claim: sent, skipped, refused or unknown. Returns whether the claim was still the caller's; if
-- not, nothing is written. What was not sent is given back: refused, it is due again at once for the first time, then after
-- 10, 20, 40, … minutes, until it is given up.
create or replace function public.settle_claim(
    p_claim_id uuid, p_state text, p_message_id text default null, p_error text default null
)
returns boolean
language sql
set search_path = ''
as $$
    with settled as (
        update public.message_claims as c
        set state = case when p_state = 'refused' and c.attempts >= public.claim_attempts() then 'given_up' else p_state end,
            openphone_message_id = coalesce(p_message_id, c.openphone_message_id),
            last_error = p_error,
            due_at = case
                when p_state = 'unknown' then now() + interval '5 minutes'
                when c.attempts = 1 then now()
                else now() + interval '5 minutes' * power(2, c.attempts - 1)
            end
        where c.claim_id = p_claim_id and c.state = 'claimed'
        returning c.job_id, c.sent_column, c.state
    ), released as (
        update public.jobs as j
        set followup_sent_at = case when settled.sent_column <> 'followup_sent_at' then j.followup_sent_at end,
            monthly_followup_sent_at = case when settled.sent_column <> 'monthly_followup_sent_at' then j.monthly_followup_sent_at end,
            frequency_nudge_sent_at = case when settled.sent_column <> 'frequency_nudge_sent_at' then j.frequency_nudge_sent_at end,
            updated_at = now()
        from settled
        where j.id = settled.job_id and settled.state in ('unknown', 'refused', 'given_up')
    )
    select exists (select from settled)
$$;

-- Of messages that OpenPhone has, by their ids, takes the first that no claim accounts for as this claim's. Returns whether
-- there was one, then the claim is sent; and null where it is not the caller's any more: then nothing may be sent.
create or replace function public.settle_claim_found(p_claim_id uuid, p_message_ids text[])
returns boolean
language sql
set search_path = ''
as $$
    with found as (
        select id
        from unnest(p_message_ids) with ordinality as listed (id, position)
        where not exists (select from public.message_claims as c where c.openphone_message_id = listed.id)
        order by position
        limit 1
    ), settled as (
        update public.message_claims as c
        set state = 'sent', openphone_message_id = found.id, last_error = null
        from found
        where c.claim_id = p_claim_id and c.state = 'claimed'
        returning c.job_id
    )
    select exists (select from settled)
    from public.message_claims as c
    where c.claim_id = p_claim_id and c.state = 'claimed'
$$;

do $$
declare
    lease regprocedure;
begin
    foreach lease in array array[
        'public.claim_lasts()',
        'public.claim_attempts()',
        'public.lease_jobs_for_followup(uuid, int)',
        'public.lease_jobs_for_monthly_followup(int)',
        'public.lease_jobs_for_monthly_reengagement(uuid, timestamptz, timestamptz, int)',
        'public.lease_jobs_for_frequency_nudge(uuid, timestamptz, timestamptz, int)',
        'public.lease_jobs_again(text, int)',
        'public.settle_claim(uuid, text, text, text)',
        'public.settle_claim_found(uuid, text[])'
    ]::regprocedure[] loop
        execute format('revoke all on function %s from public, anon, authenticated', lease);
        execute format('grant execute on function %s to service_role', lease);
    end loop;
end
$$;
