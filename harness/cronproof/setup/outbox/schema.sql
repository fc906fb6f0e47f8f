create table outbox (
    id bigint generated always as identity primary key,
    recipient text not null,
    subject text not null,
    created_at timestamptz not null default now(),
    mailed_at timestamptz
);
