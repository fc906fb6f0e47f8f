-- Some ways to remember what is to be done. None of them is that of the reference crons.
create table outbox (
    id bigint generated always as identity primary key,
    recipient text not null,
    order_number int not null,
    state text not null default 'pending',
    created_at timestamptz not null default now()
);

create table tasks (
    id uuid primary key,
    payload jsonb not null,
    status text not null default 'queued' check (status in ('queued', 'running', 'finished')),
    locked_until timestamptz,
    attempts int not null default 0,
    run_at timestamptz not null default now()
);

create schema notify;
create table notify.queue (id int primary key, phone text not null, body text not null);

create table accounts (id int primary key, phone text not null, digest_due boolean not null default true);
create table digests_sent (account_id int references accounts, day date);

create table products (sku text primary key, stock int not null);
create table orders (id int primary key, sku text not null references products, quantity int not null, is_packed boolean not null default false);

create table letters (id int primary key, recipient text not null, subject text not null, is_posted boolean not null default false);
