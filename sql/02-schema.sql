-- The tables that the crons touch.

create table if not exists public.tenants (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    slug text not null unique,
    business_name text,
    business_name_short text,
    openphone_api_key text,
    openphone_phone_id text,
    telegram_bot_token text,
    owner_telegram_chat_id text,
    owner_phone text,
    ghl_location_id text,
    google_review_link text,
    workflow_config jsonb not null default '{}',
    active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists public.customers (
    id serial primary key,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    phone_number text not null,
    first_name text,
    last_name text,
    email text,
    seasonal_reminder_tracker jsonb default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (tenant_id, phone_number)
);

create table if not exists public.cleaners (
    id serial primary key,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    name text not null,
    phone text,
    telegram_id text,
    is_team_lead boolean not null default false,
    active boolean not null default true
);

create table if not exists public.jobs (
    id serial primary key,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    customer_id int references public.customers (id) on delete set null,
    phone_number text,
    service_type text,
    date date,
    scheduled_at timestamptz,
    status text not null default 'pending'
        check (status in ('pending', 'scheduled', 'in_progress', 'completed', 'cancelled')),
    paid boolean not null default false,
    stripe_payment_intent_id text,
    team_id int,
    cleaner_id int references public.cleaners (id) on delete set null,
    completed_at timestamptz,
    followup_sent_at timestamptz,
    monthly_followup_sent_at timestamptz,
    frequency_nudge_sent_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- One index for each claim: the rows that are still open, in the order in which they are claimed.
create index if not exists jobs_open_followup on public.jobs (tenant_id, completed_at, id)
    where status = 'completed' and followup_sent_at is null;
create index if not exists jobs_open_monthly on public.jobs (completed_at, id)
    where status = 'completed' and monthly_followup_sent_at is null;
create index if not exists jobs_open_nudge on public.jobs (tenant_id, completed_at, id)
    where status = 'completed' and frequency_nudge_sent_at is null and monthly_followup_sent_at is null;

create table if not exists public.cleaner_assignments (
    id serial primary key,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    job_id int not null references public.jobs (id) on delete cascade,
    cleaner_id int not null references public.cleaners (id) on delete cascade,
    status text not null default 'pending'
        check (status in ('pending', 'accepted', 'confirmed', 'declined', 'cancelled')),
    created_at timestamptz not null default now()
);

create table if not exists public.messages (
    id bigserial primary key,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    customer_id int references public.customers (id) on delete set null,
    job_id int references public.jobs (id) on delete set null,
    direction text not null check (direction in ('inbound', 'outbound')),
    phone_number text,
    content text,
    role text,
    source text,
    status text,
    openphone_message_id text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists public.system_events (
    id bigserial primary key,
    tenant_id uuid references public.tenants (id) on delete cascade,
    source text not null,
    event_type text not null,
    message text,
    phone_number text,
    job_id text,
    cleaner_id text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now()
);

-- The original has no unique constraint here: send-reminders looks for a row, sends, then inserts one.
create table if not exists public.reminder_notifications (
    id bigserial primary key,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    cleaner_assignment_id int not null references public.cleaner_assignments (id) on delete cascade,
    reminder_type text not null check (reminder_type in ('daily_8am', 'one_hour_before', 'job_start')),
    job_date date,
    job_time time,
    created_at timestamptz not null default now()
);

create table if not exists public.scheduled_tasks (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    task_type text not null,
    task_key text unique,
    scheduled_for timestamptz not null,
    payload jsonb not null default '{}',
    status text not null default 'pending'
        check (status in ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    attempts int not null default 0,
    max_attempts int not null default 3,
    last_error text,
    executed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- The queue of ghl-followups: one row for each pending follow-up of a lead.
create table if not exists public.ghl_followups (
    id bigserial primary key,
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    ghl_contact_id text not null,
    phone_number text,
    lead_name text,
    followup_type text not null,
    due_at timestamptz not null,
    status text not null default 'pending' check (status in ('pending', 'sent', 'failed', 'cancelled')),
    last_error text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
