"""What others change in the schema, and that it is undone."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cronproof.postgres import lifecycle
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with, given_to_a_fair_login

pytestmark = pytest.mark.postgres

SCHEMA = """
do $$ begin if to_regrole('cronproof_test_app') is null then create role cronproof_test_app login; end if; end $$;
create table public.jobs (id int primary key, note text default 'x');
create function public.double(n int) returns int language sql as 'select 2 * n';
alter table public.jobs owner to cronproof_test_app;
alter function public.double owner to cronproof_test_app;
grant all on schema public to cronproof_test_app;
do $$ begin execute format('grant all on database %I to cronproof_test_app', current_database()); end $$;
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, await_: Await, postgres: Server) -> Iterator[Database]:
    """A database of which an application's login owns what it has."""
    file = tmp_path_factory.mktemp("migrations") / "schema.sql"
    file.write_text(SCHEMA)
    with database_with([file], await_, postgres) as database:
        yield database


def change(database: Database, await_: Await, *statements: str) -> str | None:
    """Executes statements as the application. Returns what is lost of the schema."""
    database.schema_changes.lost = None
    with psycopg.connect(make_conninfo(database.conninfo, user="cronproof_test_app"), autocommit=True) as sql:
        for statement in statements:
            sql.execute(statement.encode())
    await_(database.schema_changes.undo())
    lost = database.schema_changes.lost
    await_(database._control.execute("truncate cronproof.schema_changes"))
    return lost


def objects(database: Database, await_: Await) -> list[tuple[str, ...]]:
    query = """
        select 'relation', oid::regclass::text from pg_class where relpersistence <> 't' and relnamespace::regnamespace::text !~ '^pg_'
        union all select 'function', oid::regprocedure::text from pg_proc where pronamespace::regnamespace::text !~ '^pg_'
        union all select 'type', oid::regtype::text from pg_type where typnamespace::regnamespace::text !~ '^pg_'
        union all select 'schema', nspname from pg_namespace where nspname !~ '^pg_t'
        union all select 'trigger', tgname from pg_trigger union all select 'policy', polname from pg_policy
        order by 1, 2
    """
    found: list[tuple[str, ...]] = await_(database.fetch(query))
    return found


@pytest.mark.parametrize(
    "statements",
    [
        ["create table if not exists notes (id serial primary key, job int references jobs)", "insert into notes default values"],
        ["create schema other", "create table other.a (id int)", "create view b as select * from other.a"],
        ["create table a as select 1 as n", "create index on a (n)", "select * into c from a"],
        ["create index on jobs (note)"],
        ["create type mood as enum ('good')", "create domain short as text", "create sequence numbers"],
        ["create function f() returns trigger language plpgsql as $$ begin return new; end $$", "create trigger t before insert on jobs for each row execute function f()"],
        ["do $$ begin execute 'create table made_by_code (id int)'; end $$"],
        ["create materialized view m as select 1 as n", "create aggregate total (int) (sfunc = int4pl, stype = int)"],
        ["create table a (id int)", "alter table a add column n int", "drop table a"],
        ["create temporary table a (id int)"],
    ],
)  # fmt: skip
def test_what_is_created_is_removed_again(statements: list[str], app: Database, await_: Await) -> None:
    before = objects(app, await_)

    assert change(app, await_, *statements) is None
    assert objects(app, await_) == before


@pytest.mark.parametrize(
    "statement",
    [
        "create table if not exists jobs (id int)",
        "alter table jobs add column if not exists note text",
        "alter table jobs alter column note set default 'x'",
        "create or replace function double(n int) returns int language sql as 'select 2 * n'",
        "comment on table jobs is 'work'",
    ],
)
def test_what_is_said_again_changes_nothing(statement: str, app: Database, await_: Await) -> None:
    assert change(app, await_, statement) is None


@pytest.mark.parametrize(
    ("statement", "back", "message"),
    [
        ("alter table jobs add column n int", "alter table jobs drop column n", "changed the schema (ALTER TABLE public.jobs)"),
        ("alter table jobs enable row level security", "alter table jobs disable row level security", "changed the schema (ALTER TABLE public.jobs)"),
        (
            "create or replace function double(n int) returns int language sql as 'select n + n'",
            "create or replace function double(n int) returns int language sql as 'select 2 * n'",
            "changed the schema (CREATE FUNCTION public.double(integer))",
        ),
        ("grant select on jobs to public", "revoke all on jobs from public", "changed the schema (GRANT)"),
        ("drop function double(int)", "", "changed the schema (DROP FUNCTION public.double(integer))"),
    ],
)  # fmt: skip
def test_what_cannot_be_undone_is_told(statement: str, back: str, message: str, app: Database, await_: Await) -> None:
    assert change(app, await_, statement) == message
    if back:
        change(app, await_, back)


def test_what_is_in_use_cannot_be_removed(
    app: Database, await_: Await, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cronproof.postgres.schema_changes.LOCK_MILLISECONDS", 10)
    user = make_conninfo(app.conninfo, user="cronproof_test_app")
    with psycopg.connect(user, autocommit=True) as sql:
        sql.execute("create table used (id int)")
    with psycopg.connect(user) as sql:
        sql.execute("select from used")
        await_(app.schema_changes.undo())

    assert app.schema_changes.lost is not None
    assert app.schema_changes.lost.startswith(
        "created public.used, which cannot be removed (canceling statement due to lock timeout"
    )


def test_who_is_no_superuser_sees_at_least_what_is_new(await_: Await) -> None:
    async def main() -> tuple[list[tuple[str]], list[tuple[str]], str | None]:
        query = "select identity from cronproof.schema_changes order by 1"
        async with given_to_a_fair_login() as (_, given), lifecycle.create_database(given) as database:
            await database.prepare()
            assert await database.find_held() is None
            await database._control.execute("create table notes (id serial)")
            seen = await database.fetch(query)
            await database.schema_changes.undo()
            return seen, await database.fetch(query), database.schema_changes.lost

    assert await_(main()) == ([("notes",), ("notes_id_seq",)], [], None)
