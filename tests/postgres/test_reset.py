"""A reset: the same rows and numbers whatever was there before, and nothing left."""

from pathlib import Path

import pytest

from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("schema", "writes"),
    [
        (
            (
                "create table teams (id int primary key, owner int);"
                "create table users (id int primary key, team int not null references teams (id));"
                "create table logs (id serial primary key, by int references users (id));"
                "alter table teams add foreign key (owner) references users (id);"
            ),
            (
                "insert into teams values (1); insert into users values (1, 1); update teams set owner = 1;"
                "insert into logs (by) values (1)"
            ),
        ),
        (
            (
                "create table audit (id serial primary key, what text); create table zebras (id int primary key);"
                "create function log() returns trigger language plpgsql as "
                "$$ begin insert into audit (what) values (tg_op); return null; end $$;"
                "create trigger log after insert or delete on zebras for each row execute function log();"
            ),
            "insert into zebras values (1), (2)",
        ),
        (
            (
                "create table parts (id int, at date) partition by range (at);"
                "create table part_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');"
            ),
            "insert into parts values (1, '2026-05-05')",
        ),
    ],
    ids=["a circle of references", "a trigger that writes elsewhere", "partitions"],
)
def test_a_reset_leaves_nothing_whatever_the_schema(
    schema: str, writes: str, tmp_path: Path, postgres: Server, await_: Await
) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(schema)

    async def main(database: Database) -> None:
        script = await database.script([])
        await database.reset(script)
        empty = await database.digest()
        for _ in range(2):
            await database._control.execute(writes.encode())
            assert (await database.digest()).state != empty.state
            await database.reset(script)
            assert (await database.digest()).state == empty.state

    with database_with([file], await_, postgres) as database:
        await_(main(database))


def test_every_reset_is_the_same_whatever_was_there_before(database: Database, await_: Await) -> None:
    tenant = b"insert into tenants (id, name, slug) values ('00000000-0000-4000-8000-000000000009', 'n', 'n')"
    given = b"insert into jobs (id, tenant_id, status) select 7, id, 'completed' from tenants"
    another = b"insert into jobs (tenant_id, status) select id, 'completed' from tenants"

    async def main() -> list[list[int]]:
        ids = []
        for rows in ([tenant, another], [tenant, given], [tenant, another]):
            await database.reset(await database.script(rows))
            await database._control.execute(another)
            ids.append([row["id"] for row in (await database.rows(["jobs"]))["jobs"]])
        return ids

    assert await_(main()) == [[1, 2], [7, 8], [1, 2]]


def test_rows_lie_in_the_order_of_their_inserts_however_often_they_were_deleted(
    postgres: Server, tmp_path: Path, await_: Await
) -> None:
    file = tmp_path / "01.sql"
    file.write_text("create table units (id int primary key, n int)")

    async def main(database: Database) -> set[tuple[int, ...]]:
        script = await database.script([b"insert into units values (%d)" % number for number in (1, 2, 3)])
        seen = set()
        for _ in range(300):
            await database.reset(script)
            seen.add(tuple(number for (number,) in await database.fetch("select id from units")))
            await database._control.execute("update units set n = 1")
        return seen

    with database_with([file], await_, postgres) as database:
        assert await_(main(database)) == {(1, 2, 3)}


def test_tables_of_other_schemas_are_emptied_too(postgres: Server, tmp_path: Path, await_: Await) -> None:
    file = tmp_path / "07.sql"
    file.write_text('create schema "Of App"; create table "Of App".sent (id serial, job_id int); create sequence free')

    async def main(database: Database) -> list[tuple[int, int]]:
        for _ in range(2):
            await database.reset(await database.script([]))
            await database._control.execute('insert into "Of App".sent (job_id) values (1)')
        return await database.fetch("select id, nextval('free') from \"Of App\".sent")

    with database_with([file], await_, postgres) as database:
        assert await_(main(database)) == [(1, 1)]


def test_rows_of_the_migrations_are_put_back_in_every_schema(postgres: Server, tmp_path: Path, await_: Await) -> None:
    file = tmp_path / "01.sql"
    file.write_text("""
        create schema queue;
        create table queue.version (number int primary key, previous int references queue.version);
        insert into queue.version values (1, null), (2, 1);
        create table changes (note text);
        create function note() returns trigger language plpgsql as 'begin insert into changes values (tg_op); return null; end';
        create table locks (id int generated always as identity primary key, name text unique, size int generated always as (length(name)) stored);
        create trigger note after insert on locks for each row execute function note();
        insert into locks (name) values ('cron'), ('other');
    """)

    async def main(database: Database) -> list[object]:
        seen = []
        for given in ([], [b"insert into locks (name) values ('cron')"]):
            script = await database.script([*given, *map(database.catalog.kept.__getitem__, database.catalog.kept)])
            for _ in range(2):
                await database._control.execute("delete from queue.version; update locks set name = name || '!'")
                await database.reset(script)
            await database._control.execute("insert into locks (name) values ('third')")
            rows = await database.rows(["locks", "changes"])
            of_queue = await database.fetch("select number from queue.version order by 1")
            seen += [[(row["id"], row["name"], row["size"]) for row in rows["locks"]], len(rows["changes"]), of_queue]
        return seen

    with database_with([file], await_, postgres) as database:
        kept = [(1, "cron", 4), (2, "other", 5), (3, "third", 5)]
        replaced = [(2, "other", 5), (3, "cron", 4), (4, "third", 5)]
        assert await_(main(database)) == [kept, 3, [(1,), (2,)], replaced, 4, [(1,), (2,)]]


def test_the_planner_sees_the_same_table_however_often_it_was_reset(
    postgres: Server, tmp_path: Path, await_: Await
) -> None:
    """A table that has grown by a page would have twice as many rows to it, and be read by another plan."""
    file = tmp_path / "01.sql"
    file.write_text("create table notices (id int primary key, state text, note text);")
    rows = [f"insert into notices values ({number}, 'new', '{'x' * 300}')".encode() for number in (1, 2)]
    join = (
        b"explain update notices set state = 'sent' where id in (select id from notices where state = 'new' for update)"
    )

    async def main(database: Database) -> tuple[set[int], set[str]]:
        script = await database.script(rows)
        await database.tidy(["notices"])
        sizes, plans = set[int](), set[str]()
        for _ in range(200):
            await database.reset(script)
            await database._control.execute("update notices set state = 'sent'")
            await database.reset(script)
            plans.add("\n".join(line for (line,) in await database.fetch(join)))
            ((size,),) = await database.fetch("select pg_relation_size('notices')")
            sizes.add(size)
        return sizes, plans

    with database_with([file], await_, postgres) as database:
        sizes, plans = await_(main(database))
        assert (sizes, len(plans)) == ({8192}, 1)
