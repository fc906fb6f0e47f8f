"""Points inside statements: in order, and nothing of them is seen by the application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from cronproof.gate.gate import Channel, OpenGate, Release
from cronproof.gate.point import Depth, Point
from cronproof.postgres.database import Database
from cronproof.postgres.proxy import wire
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with
from tests.support.proxies import connected

pytestmark = pytest.mark.postgres

SCHEMA = """
    create table units (id serial primary key, n int not null default 0, owner text unique);
    create table marks (unit int references units (id) on delete cascade deferrable initially deferred, what text);
    create table parts (id int, n int, primary key (id)) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (100);
    create table parts_2 partition of parts for values from (100) to (200);
    create table base (a int, b text);
    create table child (c int) inherits (base);
    create view shown as select id, n from units;
    create function instead() returns trigger language plpgsql as $$
    begin insert into units (n) values (new.n); return new; end $$;
    create trigger instead instead of insert on shown for each row execute function instead();
    create function audit() returns trigger language plpgsql as $$
    begin
        insert into marks values (new.id, tg_op);
        if not found then raise exception 'nothing was inserted'; end if;
        raise notice 'audited %', new.id;
        return new;
    end $$;
    create trigger audited after insert or update on units for each row execute function audit();
    create function forbid() returns trigger language plpgsql as $$
    begin if new.n = 13 then return null; end if; new.n := new.n + 0; return new; end $$;
    create trigger zz_forbid before insert or update on units for each row execute function forbid();
    create function work(of_n int) returns setof int language plpgsql as $$
    declare r record; changed bigint; q text := 'select 1';
    begin
        update units set n = n + 1 where n = of_n; get diagnostics changed = row_count;
        if found then return next changed; end if;
        for r in select id from units order by id loop update units set n = n where id = r.id; end loop;
        perform 1 from units where n = -1;
        if not found then return next -1; end if;
        while (select count(*) from base) < 0 loop null; end loop;
        begin insert into units (owner) values ('twice'); insert into units (owner) values ('twice');
        exception when unique_violation then return next -2; end;
        execute q into changed; return next changed;
        return query select id from units order by id;
        case when exists (select from units) then return next 1; else return next 0; end case;
    end $$;
    create procedure steps() language plpgsql as $$
    begin insert into base values (1, 'a'); commit; insert into base values (2, 'b'); rollback; end $$;
    create function twice(x int) returns int language sql as $$
        update units set n = x where id = 1; select n from units where id = 1 $$;
    grant all on schema public to service_role;
    grant all on all tables in schema public to service_role;
    grant all on all sequences in schema public to service_role;
"""
STATEMENTS = [
    "insert into units (n) values (1), (2), (3)",
    "insert into units (n, owner) values (4, 'a') returning id, n, owner",
    "select lastval()",
    "insert into units (n, owner) values (5, 'a')",
    "insert into units (n, owner) values (5, 'a') on conflict (owner) do nothing returning id",
    "insert into units (n, owner) values (6, 'a') on conflict (owner) do update set n = excluded.n where units.n < 9 returning id, n",
    "insert into units (n) select n from units where n < 3 returning n",
    "insert into units (n) values (13)",
    "update units set n = n + 1 where n > 1 returning *",
    "update units set n = 13 where id = 2 returning id",
    "update units set id = 1 where id = 2",
    "delete from units where n = 3 returning n",
    "with gone as (delete from units where id = 3 returning n), more as (insert into units (n) select n from gone) select * from gone",
    (
        "with picked as (select id from units order by id limit 2 for update skip locked)"
        " update units set n = 7 from picked where units.id = picked.id returning units.id"
    ),
    (
        "merge into units using (values (1, 50), (99, 51)) as new (id, n) on units.id = new.id"
        " when matched then update set n = new.n when not matched then insert (id, n) values (new.id, new.n)"
    ),
    "insert into parts values (1, 1), (150, 2) returning *",
    "update parts set id = id + 100 where id = 1 returning tableoid::regclass, id",
    "insert into parts_1 values (2, 2)",
    "delete from parts",
    "insert into child values (1, 'x', 2)",
    "update base set b = 'y' returning *",
    "insert into shown (n) values (8)",
    "begin; savepoint s; insert into units (n) values (20); rollback to s; update units set n = 21 where id = 1; commit",
    "begin",
    "update units set n = 22 where id = 1",
    (
        "select locktype, mode, relation::regclass from pg_locks where pid = pg_backend_pid() and locktype in ('relation', 'advisory')"
        " and relation::regclass::text not like 'pg_%' order by 1, 2, relation::regclass::text"
    ),
    "insert into units (n) values ('x')",
    "select 1",
    "rollback",
    "begin; declare c cursor for select work(99); fetch 1 from c; fetch all from c; close c; commit",
    "select work(7)",
    "select twice(30)",
    "call steps()",
    "do $$ begin update units set n = 31 where id = 1; raise notice 'done %', found; end $$",
    "begin read only",
    "update units set n = 1",
    "rollback",
    "begin isolation level serializable; update units set n = n + 1 where id = 1; select n from units where id = 1; commit",
    "begin isolation level repeatable read; insert into base values (5, 'z'); select count(*) from base; rollback",
    "set lock_timeout = 5; update units set n = n + 1 where id = 1; reset lock_timeout",
    "set statement_timeout = 5000; delete from base where a = 1; reset statement_timeout",
    "set client_min_messages = error; insert into units (n) values (40); reset client_min_messages",
    "set client_min_messages = debug1; delete from base where a = 77; reset client_min_messages",
    "prepare p (int) as update units set n = $1 where id = 1 returning n; execute p (41); deallocate p",
    "copy (select n from units order by id) to stdout",
    "do $$ declare n int; begin select count(*) into n from units; insert into units (n) values (n + 100); end $$",
    "do $$ begin raise exception 'in line 1'; end $$",
    "create table later (id int primary key); insert into later values (1), (2) returning id",
    "create table later (id int primary key)",
    "create function add(x int) returns void language plpgsql as $$ begin\ninsert into units (n) values (x); perform 1 / x; end $$; select add(1)",
    "select add(0)",
    "create or replace function add(x int) returns void language plpgsql as $$ begin\ninsert into units (n) valuse (x); end $$",
    "drop function add",
    "alter table later add column n int, disable trigger all",
    "update later set n = id returning n",
    "create table if not exists later as select 1 as id",
    "select id into copied from later",
    "drop table copied, later",
    "create temporary table mine (a int); insert into mine values (1); update mine set a = 2; drop table mine",
    "set session_replication_role = replica; insert into base values (6, 'r'); reset session_replication_role",
    "truncate marks, base; truncate parts",
    "show search_path",
    "select count(*) from pg_stat_activity where wait_event = 'advisory' and pid = pg_backend_pid()",
    "insert into marks values (12345, 'orphan')",
    "select nextval('units_id_seq'), currval('units_id_seq')",
]


class Inside(OpenGate):
    """Takes every statement apart, or none, and releases it from each point."""

    def __init__(self, depth: Depth | None) -> None:
        super().__init__(takes_apart=depth is not None)
        self.depth = depth
        self.points: list[str] = []

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        if point.kind == "inside":
            self.points.append(point.text)
            await asyncio.sleep(0)
        return await super().arrive(instance, point, channel)

    def depth_of(self, point: Point) -> Depth | None:
        return self.depth


@contextlib.asynccontextmanager
async def behind(database: Database, gate: Inside) -> AsyncIterator[tuple[Proxy, AsyncConnection]]:
    if gate.depth is not None:
        await database.inside.install()
    proxy = Proxy("A", database.upstream, gate, holder=database.inside)
    async with proxy.listening(), connected(database, proxy) as connection:
        yield proxy, connection


@pytest.fixture
def made(await_: Await, postgres: Server, tmp_path: Path) -> Iterator[list[Database]]:
    """Two databases with the same schema."""
    file = tmp_path / "schema.sql"
    file.write_text(SCHEMA)
    with database_with([file], await_, postgres) as one, database_with([file], await_, postgres) as other:
        yield [one, other]


async def answers(database: Database, gate: Inside) -> list[bytes]:
    """Everything that the client is sent for each statement."""
    sent = bytearray()
    async with behind(database, gate) as (proxy, connection):
        (session,) = proxy._sessions
        write: Any = session.client.write

        def record(data: bytes) -> None:
            sent.extend(data)
            write(data)

        session.client.write = record  # type: ignore[method-assign]
        found = []
        for statement in STATEMENTS:
            with contextlib.suppress(psycopg.Error):
                if statement.startswith("copy"):
                    async with connection.cursor().copy(statement) as copy:
                        _ = [row async for row in copy]
                else:
                    await connection.execute(statement.encode())
            found.append(b"".join(map(without_oids, wire.take_messages(sent))))
    return found


def without_oids(message: bytes) -> bytes:
    """A message without the number of each column's table, which is another one in each database."""
    if message[0:1] != b"T":
        return message
    parts, start = [message[:7]], 7
    while start < len(message):
        end = message.index(b"\0", start) + 1
        parts += [message[start:end], message[end + 4 : end + 18]]
        start = end + 18
    return b"".join(parts)


def test_the_application_gets_the_same_answers_byte_for_byte(made: list[Database], await_: Await) -> None:
    with_points = Inside("rows")

    whole = await_(answers(made[0], Inside(None)))
    apart = await_(answers(made[1], with_points))

    differing = [
        (statement, one, other) for statement, one, other in zip(STATEMENTS, whole, apart, strict=True) if one != other
    ]
    assert differing == []
    assert len(with_points.points) > 100


def test_a_function_gets_its_points_also_if_its_creation_is_prepared_first(made: list[Database], await_: Await) -> None:
    body = "begin insert into units (n) values (x); end"
    create = f"create function pg_temp.prepared(x int) returns void language plpgsql as $${body}$$"

    async def main() -> list[str]:
        async with behind(made[0], Inside("rows")) as (_, connection):
            connection.prepare_threshold = 0
            await connection.execute(create.encode())
            ((source,),) = await made[0].fetch("select prosrc from pg_proc where proname = 'prepared'")
            return str(source).split("cronproof_points.")

    assert len(await_(main())) == 2


class Patient(Inside):
    """Holds a statement at its first point for as long as it takes."""

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        if point.kind == "inside" and not self.points:
            self.points.append(point.text)
            await asyncio.Event().wait()
        return await super().arrive(instance, point, channel)


def test_a_statement_that_ends_where_it_is_held_is_told_and_leaves_nothing(made: list[Database], await_: Await) -> None:
    async def main() -> tuple[str | None, list[str], list[object]]:
        async with behind(made[0], Patient("rows")) as (proxy, connection):
            await connection.execute("set statement_timeout = 100")
            state = None
            try:
                await connection.execute("insert into base values (1)")
            except psycopg.Error as error:
                state = error.sqlstate
            await connection.execute("insert into base values (2)")
            await connection.execute("reset statement_timeout")
            return state, proxy.ran_out, list(await made[0].fetch("select a from base"))

    assert await_(main()) == ("57014", ["canceling statement due to statement timeout"], [(2,)])


def test_migrations_may_take_away_the_right_to_execute_new_functions(
    await_: Await, postgres: Server, tmp_path: Path
) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(f"alter default privileges revoke execute on functions from public; {SCHEMA}")

    async def main(database: Database) -> list[str]:
        gate = Inside("rows")
        async with behind(database, gate) as (_, connection):
            await connection.execute("insert into base values (1)")
        return gate.points

    with database_with([file], await_, postgres) as database:
        assert await_(main(database)) == ["INSERT base … snapshot taken", "INSERT base … before row no. 1"]
