-- For the crons that keep no marks of jobs: what is sent once is written first, and sent after that.
--
-- A notice is one message to one person, by what it is for and what it is about: `daily_8am` about assignment 1, `briefing`
-- about cleaner 7 and a day. Its primary key keeps a second one out, so that of any number of instances one inserts it, and
-- sends. As in 07 a claim expires, `claim_id` changes with it, and states mean the same. The two queues that have rows of
-- their own, scheduled_tasks and ghl_followups, are leased in place.
--
-- What cannot be had: Telegram and GoHighLevel take no idempotency key, and nobody can ask Telegram what it has. A call of
-- which nobody knows the outcome is tried again, and what had arrived arrives twice.

create table if not exists public.notices (
    purpose text not null,
    about text not null,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    claim_id uuid not null unique default gen_random_uuid(),
    state text not null default 'claimed' check (state in ('claimed', 'unknown', 'refused', 'sent', 'given_up')),
    attempts int not null default 1,
    claimed_at timestamptz not null default now(),
    asked_since timestamptz,
    due_at timestamptz not null,
    openphone_message_id text unique,
    last_error text,
    primary key (purpose, about)
);
comment on column public.notices.asked_since is 'Since when the service may have the message although nobody knows it.';

alter table public.notices enable row level security;
drop policy if exists tenant_isolation on public.notices;
create policy tenant_isolation on public.notices
    using (tenant_id = (select (auth.jwt() ->> 'tenant_id')::uuid))
    with check (tenant_id = (select (auth.jwt() ->> 'tenant_id')::uuid));

-- Claims a notice: returns a row to whoever may send it now, and none to everybody else.
create or replace function public.claim_notice(p_tenant_id uuid, p_purpose text, p_about text)
returns table (claim_id uuid, asked_since timestamptz)
language sql
set search_path = ''
as $$
    insert into public.notices as n (purpose, about, tenant_id, due_at)
    values (p_purpose, p_about, p_tenant_id, now() + public.claim_lasts())
    on conflict on constraint notices_pkey do update
    set claim_id = gen_random_uuid(), state = 'claimed', attempts = n.attempts + 1, claimed_at = now(),
        asked_since = coalesce(n.asked_since, case when n.state <> 'refused' then n.claimed_at end),
        due_at = now() + public.claim_lasts()
    where n.state in ('claimed', 'unknown', 'refused')
        and n.due_at <= now()
        and n.attempts < public.claim_attempts()
    returning n.claim_id, n.asked_since
$$;

-- Writes what became of a notice: sent, refused or unknown. Returns whether the claim was still the caller's; if not,
-- nothing is written. What was refused is due again at once for the first time, then after 10, 20, 40, … minutes.
create or replace function public.settle_notice(
    p_claim_id uuid, p_state text, p_message_id text default null, p_error text default null
)
returns boolean
language sql
set search_path = ''
as $$
    with settled as (
        update public.notices as n
        set state = case when p_state = 'refused' and n.attempts >= public.claim_attempts() then 'given_up' else p_state end,
            openphone_message_id = coalesce(p_message_id, n.openphone_message_id),
            last_error = p_error,
            due_at = case
                when p_state = 'unknown' then now() + interval '5 minutes'
                when n.attempts = 1 then now()
                else now() + interval '5 minutes' * power(2, n.attempts - 1)
            end
        where n.claim_id = p_claim_id and n.state = 'claimed'
        returning n.claim_id
    )
    select exists (select from settled)
$$;

-- Of messages that OpenPhone has, by their ids, takes the first that no notice accounts for as this one's. Returns whether
-- there was one, and null where the claim is not the caller's any more: then nothing may be sent.
create or replace function public.settle_notice_found(p_claim_id uuid, p_message_ids text[])
returns boolean
language sql
set search_path = ''
as $$
    with found as (
        select id
        from unnest(p_message_ids) with ordinality as listed (id, position)
        where not exists (select from public.notices as n where n.openphone_message_id = listed.id)
        order by position
        limit 1
    ), settled as (
        update public.notices as n
        set state = 'sent', openphone_message_id = found.id, last_error = null
        from found
        where n.claim_id = p_claim_id and n.state = 'claimed'
        returning n.claim_id
    )
    select exists (select from settled)
    from public.notices as n
    where n.claim_id = p_claim_id and n.state = 'claimed'
$$;

-- A campaign that is known to be sent is marked in the customer's tracker, in the same statement: one atomic change of the
-- JSON, which leaves other campaigns' marks alone. What it is about is the customer and the campaign.
create or replace function public.mark_campaign() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    update public.customers as c
    set seasonal_reminder_tracker = coalesce(c.seasonal_reminder_tracker, '{}')
        || jsonb_build_object(substr(new.about, strpos(new.about, ' ') + 1), now())
    where c.id = split_part(new.about, ' ', 1)::int;
    return null;
end
$$;
create or replace trigger notices_mark_campaign
    after update of state on public.notices
    for each row when (new.purpose = 'seasonal_campaign' and new.state = 'sent' and old.state <> 'sent')
    execute function public.mark_campaign();

-- The queue of ghl-followups. A row that was claimed is `sending` until `leased_until`; one that was refused is pending
-- again, and not due before that time.
alter table public.ghl_followups add column if not exists claim_id uuid;
alter table public.ghl_followups add column if not exists attempts int not null default 0;
alter table public.ghl_followups add column if not exists leased_until timestamptz;
alter table public.ghl_followups drop constraint if exists ghl_followups_status_check;
alter table public.ghl_followups add constraint ghl_followups_status_check
    check (status in ('pending', 'sending', 'sent', 'failed', 'cancelled'));

-- One row, which is not among those that were tried in this run already.
create or replace function public.lease_ghl_followup(p_tenant_id uuid, p_now timestamptz, p_tried bigint[] default '{}')
returns table (claim_id uuid, id bigint, ghl_contact_id text, lead_name text, followup_type text)
language sql
set search_path = ''
as $$
    with given_up as (
        update public.ghl_followups as f
        set status = 'failed', last_error = 'the last instance never came back', updated_at = now()
        where f.tenant_id = p_tenant_id
            and f.status = 'sending'
            and f.leased_until <= now()
            and f.attempts >= public.claim_attempts()
    ), picked as materialized (
        select f.id
        from public.ghl_followups as f
        where f.tenant_id = p_tenant_id
            and f.status in ('pending', 'sending')
            and f.due_at <= p_now
            and coalesce(f.leased_until, '-infinity') <= now()
            and f.attempts < public.claim_attempts()
            and f.id <> all (p_tried)
        order by f.due_at, f.id
        limit 1
        for update of f skip locked
    )
    update public.ghl_followups as f
    set status = 'sending', claim_id = gen_random_uuid(), attempts = f.attempts + 1,
        leased_until = now() + public.claim_lasts(), updated_at = now()
    from picked
    where f.id = picked.id
    returning f.claim_id, f.id, f.ghl_contact_id, f.lead_name, f.followup_type
$$;

-- Writes what became of a follow-up: sent, or else pending again until it has been tried often enough. What nobody knows
-- the outcome of waits for five minutes; what was refused not at all for the first time, then for 4, 8, 16, … minutes.
create or replace function public.settle_ghl_followup(
    p_claim_id uuid, p_error text default null, p_is_unknown boolean default false
)
returns boolean
language sql
set search_path = ''
as $$
    with settled as (
        update public.ghl_followups as f
        set status = case
                when p_error is null then 'sent'
                when f.attempts >= public.claim_attempts() then 'failed'
                else 'pending'
            end,
            leased_until = now() + case
                when p_is_unknown then interval '5 minutes'
                when f.attempts = 1 then interval '0'
                else interval '1 minute' * power(2, f.attempts)
            end,
            last_error = p_error, updated_at = now()
        where f.claim_id = p_claim_id and f.status = 'sending'
        returning f.id
    )
    select exists (select from settled)
$$;

-- Scheduled tasks: a lease, and the attempt counted in the same statement, so that it counts whatever becomes of the worker.
-- A lease ends some time after the claim, which is the last write to a task that is processing.
alter table public.scheduled_tasks add column if not exists claim_id uuid;
alter table public.scheduled_tasks add column if not exists retry_at timestamptz;
alter table public.scheduled_tasks add column if not exists asked_since timestamptz;
alter table public.scheduled_tasks add column if not exists openphone_message_id text unique;

-- One task, which is not among those that were tried in this run already: whoever dies has spoilt no attempt of another.
create or replace function public.lease_task(p_tenant_ids uuid[], p_now timestamptz, p_tried uuid[] default '{}')
returns table (
    claim_id uuid, id uuid, tenant_id uuid, task_type text, payload jsonb, attempts int, max_attempts int,
    asked_since timestamptz
)
language sql
set search_path = ''
as $$
    with given_up as (
        update public.scheduled_tasks as t
        set status = 'failed', last_error = 'the last worker never came back', updated_at = now()
        where t.tenant_id = any (p_tenant_ids)
            and t.status = 'processing'
            and t.updated_at + public.claim_lasts() <= now()
            and t.attempts >= t.max_attempts
    ), picked as materialized (
        select t.id, case when t.status = 'processing' then t.updated_at end as claimed_at
        from public.scheduled_tasks as t
        where t.tenant_id = any (p_tenant_ids)
            and t.scheduled_for <= p_now
            and t.id <> all (p_tried)
            and (
                (t.status = 'pending' and coalesce(t.retry_at, '-infinity') <= now())
                or (
                    t.status = 'processing'
                    and t.updated_at + public.claim_lasts() <= now()
                    and t.attempts < t.max_attempts
                )
            )
        order by t.scheduled_for, t.id
        limit 1
        for update of t skip locked
    )
    update public.scheduled_tasks as t
    set status = 'processing', claim_id = gen_random_uuid(), attempts = t.attempts + 1,
        asked_since = coalesce(t.asked_since, picked.claimed_at), updated_at = now()
    from picked
    where t.id = picked.id
    returning
        t.claim_id, t.id, t.tenant_id, t.task_type, t.payload, t.attempts, t.max_attempts, t.asked_since
$$;

-- Writes what became of a task: completed, or else pending again until it has been tried often enough. `p_is_unknown` says
-- that the service may have the message all the same: then it waits for five minutes.
create or replace function public.settle_task(
    p_claim_id uuid, p_message_id text default null, p_error text default null, p_is_unknown boolean default false
)
returns boolean
language sql
set search_path = ''
as $$
    with settled as (
        update public.scheduled_tasks as t
        set status = case
                when p_error is null then 'completed'
                when t.attempts >= t.max_attempts then 'failed'
                else 'pending'
            end,
            executed_at = case when p_error is null then now() else t.executed_at end,
            asked_since = case when p_is_unknown then coalesce(t.asked_since, t.updated_at) else t.asked_since end,
            retry_at = case when p_is_unknown then now() + interval '5 minutes' end,
            openphone_message_id = coalesce(p_message_id, t.openphone_message_id),
            last_error = p_error, updated_at = now()
        where t.claim_id = p_claim_id and t.status = 'processing'
        returning t.id
    )
    select exists (select from settled)
$$;

-- Of messages that OpenPhone has, by their ids, takes the first that no task accounts for as this one's; as above.
create or replace function public.settle_task_found(p_claim_id uuid, p_message_ids text[])
returns boolean
language sql
set search_path = ''
as $$
    with found as (
        select id
        from unnest(p_message_ids) with ordinality as listed (id, position)
        where not exists (select from public.scheduled_tasks as t where t.openphone_message_id = listed.id)
        order by position
        limit 1
    ), settled as (
        update public.scheduled_tasks as t
        set status = 'completed', executed_at = now(), openphone_message_id = found.id, last_error = null,
            updated_at = now()
        from found
        where t.claim_id = p_claim_id and t.status = 'processing'
        returning t.id
    )
    select exists (select from settled)
    from public.scheduled_tasks as t
    where t.claim_id = p_claim_id and t.status = 'processing'
$$;

-- What was sent already, by the logs of the crons before this migration, is not sent again. What they had sent twice stays
-- in those logs, and can be looked up here. This part can be run again after the last old instance has ended.
create or replace view public.sent_twice with (security_invoker = true) as
select 'check-timeouts' as cron, e.tenant_id, e.event_type as purpose, e.job_id || ' ' || e.cleaner_id as about,
    count(*) as times, min(e.created_at) as first_at, max(e.created_at) as last_at
from public.system_events as e
where e.event_type in ('urgent_followup_sent', 'owner_alert_sent')
group by e.tenant_id, e.event_type, e.job_id, e.cleaner_id
having count(*) > 1
union all
select 'send-reminders', r.tenant_id, r.reminder_type, r.cleaner_assignment_id::text,
    count(*), min(r.created_at), max(r.created_at)
from public.reminder_notifications as r
group by r.tenant_id, r.reminder_type, r.cleaner_assignment_id
having count(*) > 1;

insert into public.notices (purpose, about, tenant_id, state, claimed_at, due_at)
select distinct on (e.event_type, e.job_id, e.cleaner_id)
    e.event_type, e.job_id || ' ' || e.cleaner_id, e.tenant_id, 'sent', e.created_at, e.created_at
from public.system_events as e
where e.event_type in ('urgent_followup_sent', 'owner_alert_sent')
    and e.tenant_id is not null and e.job_id is not null and e.cleaner_id is not null
order by e.event_type, e.job_id, e.cleaner_id, e.created_at
on conflict do nothing;

insert into public.notices (purpose, about, tenant_id, state, claimed_at, due_at)
select distinct on (r.reminder_type, r.cleaner_assignment_id)
    r.reminder_type, r.cleaner_assignment_id::text, r.tenant_id, 'sent', r.created_at, r.created_at
from public.reminder_notifications as r
order by r.reminder_type, r.cleaner_assignment_id, r.created_at
on conflict do nothing;

do $$
declare
    v_messages bigint;
    v_stuck bigint;
    v_function regprocedure;
begin
    select count(*) into v_messages from public.sent_twice;
    if v_messages > 0 then
        raise warning '% messages were sent more than once so far: select * from public.sent_twice', v_messages;
    end if;
    select count(*) into v_stuck from public.scheduled_tasks where status = 'processing' and claim_id is null;
    if v_stuck > 0 then
        raise warning '% scheduled tasks are processing: they are tried again ten minutes after they were begun', v_stuck;
    end if;
    foreach v_function in array array[
        'public.claim_notice(uuid, text, text)',
        'public.mark_campaign()',
        'public.settle_notice(uuid, text, text, text)',
        'public.settle_notice_found(uuid, text[])',
        'public.lease_ghl_followup(uuid, timestamptz, bigint[])',
        'public.settle_ghl_followup(uuid, text, boolean)',
        'public.lease_task(uuid[], timestamptz, uuid[])',
        'public.settle_task(uuid, text, text, boolean)',
        'public.settle_task_found(uuid, text[])'
    ]::regprocedure[] loop
        execute format('revoke all on function %s from public, anon, authenticated', v_function);
        execute format('grant execute on function %s to service_role', v_function);
    end loop;
end
$$;
