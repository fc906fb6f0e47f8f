"""Time shifts: the rows get older, and nothing else changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from cronproof.domain.database import Rows
from cronproof.postgres import time_shift
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with

pytestmark = pytest.mark.postgres

TABLES = """
    create table moments (
        id int primary key, at timestamptz, plain timestamp, day date, hour time, what text,
        half timestamptz generated always as (at) stored
    );
    create table noted (what text);
    create function note() returns trigger language plpgsql as $$
    begin
        insert into noted values ('touched');
        return new;
    end $$;
    create trigger touched before update on moments for each row execute function note();
"""
ROWS = [
    b"insert into moments values (1, '2026-03-08 10:00Z', '2026-03-08 10:00', '2026-03-08', '10:00', 'x')",
    b"insert into moments (id) values (2)",
]


@pytest.fixture(scope="module")
def moments(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A separate database with columns of every time type."""
    file = tmp_path_factory.mktemp("sql") / "moments.sql"
    file.write_text(TABLES)
    with database_with([file], await_, postgres) as made:
        yield made


SELECT = "select at::text, plain::text, day::text, hour::text, what, half::text from moments order by id"
BEFORE = ("2026-03-08 10:00:00+00", "2026-03-08 10:00:00", "2026-03-08", "10:00:00", "x", "2026-03-08 10:00:00+00")
NOTHING = (None,) * 6


@pytest.mark.parametrize(
    ("time", "after"),
    [
        (
            timedelta(minutes=15),
            ("2026-03-08 09:45:00+00", "2026-03-08 09:45:00", "2026-03-08", "10:00:00", "x", "2026-03-08 09:45:00+00"),
        ),
        (
            timedelta(days=1),
            ("2026-03-07 10:00:00+00", "2026-03-07 10:00:00", "2026-03-07", "10:00:00", "x", "2026-03-07 10:00:00+00"),
        ),
    ],
)
def test_every_point_in_time_moves_back_and_returns(
    time: timedelta, after: tuple[str, ...], moments: Database, await_: Await
) -> None:
    async def main() -> None:
        await moments.reset(await moments.script(ROWS))
        await moments.shift_time(time)
        assert await moments.fetch(SELECT) == [after, NOTHING]
        await moments.shift_time(-time)
        assert await moments.fetch(SELECT) == [BEFORE, NOTHING]
        assert await moments.fetch("select * from noted") == []

    await_(main())


LEASES = """
    create table leases (
        id bigint primary key default 1, seconds bigint, short int, milliseconds bigint, exact numeric, rough double precision,
        iso text, plain varchar(40), phone bigint, amount int, what text, many bigint[]
    )
"""
NOW = """
    insert into leases values (
        extract(epoch from now())::bigint, extract(epoch from now())::bigint, extract(epoch from now())::int,
        (extract(epoch from now()) * 1000)::bigint, extract(epoch from now()) * 1000000, extract(epoch from now()),
        to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(now() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS'), 12125550132, 1700, '2026-02-30 10:00:00',
        array[extract(epoch from now())::bigint]
    )
"""
AGE = """
    select id = many[1], extract(epoch from now())::bigint - seconds, extract(epoch from now())::int - short,
        (extract(epoch from now()) * 1000 - milliseconds)::bigint / 1000,
        (extract(epoch from now()) * 1000000 - exact)::bigint / 1000000, (extract(epoch from now()) - rough)::int,
        extract(epoch from now() - iso::timestamptz)::int, iso ~ '\\dT.*\\.\\d{3}Z$',
        extract(epoch from now() at time zone 'utc' - plain::timestamp)::int, phone, amount, what, many[1] - id
    from leases
"""


def test_points_in_time_of_other_types_move_too(await_: Await, postgres: Server, tmp_path: Path) -> None:
    """A lease may be a number of seconds or a text, and a number may be no time at all."""
    (tmp_path / "leases.sql").write_text(LEASES)
    with database_with([tmp_path / "leases.sql"], await_, postgres) as leases:

        async def main() -> tuple[tuple[object, ...], Rows, Rows]:
            await leases.reset(await leases.script([NOW.encode()]))
            before = await leases.rows(["leases"])
            await leases.shift_time(timedelta(hours=1))
            ((shifted),) = await leases.fetch(AGE)
            await leases.shift_time(-timedelta(hours=1))
            return shifted, before, await leases.rows(["leases"])

        shifted, before, after = await_(main())
        assert after == before
        assert leases.catalog.without_times(after)["leases"][0] | {"id": 1} == {
            "id": 1, "many": before["leases"][0]["many"], "phone": 12125550132, "amount": 1700, "what": "2026-02-30 10:00:00",
            **dict.fromkeys(("seconds", "short", "milliseconds", "exact", "rough", "iso", "plain"), True),
        }  # fmt: skip

    assert shifted[0] is shifted[7] is True
    assert [round(age / 60) for age in (*shifted[1:7], shifted[8])] == [60] * 7
    assert shifted[9:] == (12125550132, 1700, "2026-02-30 10:00:00", 0)


def test_without_the_rights_of_a_superuser_triggers_rest_too(moments: Database, await_: Await) -> None:
    async def main() -> None:
        await moments.reset(await moments.script(ROWS))
        async with await psycopg.AsyncConnection.connect(moments.conninfo, autocommit=True) as connection:
            await connection.execute("grant create, usage on schema public to service_role")
            for table in ("moments", "noted"):
                await connection.execute(f"alter table {table} owner to service_role".encode())
            await connection.execute("set session authorization service_role")
            shift = time_shift.TimeShift(connection)
            await shift.prepare(moments.catalog)
            await shift.shift(timedelta(days=1))
            await connection.execute("reset session authorization")
            await connection.execute("update moments set what = 'y' where id = 1")
        assert await moments.fetch("select day::text from moments where id = 1") == [("2026-03-07",)]
        assert await moments.fetch("select * from noted") == [("touched",)]

    await_(main())


def test_where_an_instance_holds_rows_time_does_not_pass(moments: Database, await_: Await) -> None:
    async def main() -> None:
        await moments.reset(await moments.script(ROWS))
        async with await psycopg.AsyncConnection.connect(moments.conninfo) as holder:
            await holder.execute("select from moments for update")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                await moments.shift_time(timedelta(minutes=1))
        await moments.shift_time(timedelta(minutes=1))

    await_(main())


def test_what_has_no_times_is_left_alone(await_: Await, postgres: Server, tmp_path: Path) -> None:
    (tmp_path / "t.sql").write_text("create table t (id integer primary key, tags text[], is_paid boolean)")
    with database_with([tmp_path / "t.sql"], await_, postgres) as made:

        async def main() -> None:
            await made.reset(await made.script([b"insert into t values (1, '{a}', true)"]))
            (before,) = await made.fetch("select xmin from t")
            await made.shift_time(timedelta(days=1))
            assert await made.fetch("select xmin from t") == [before]

        await_(main())


@pytest.mark.parametrize("superuser", [True, False])
def test_rows_of_partitions_and_of_children_move_once(
    superuser: bool, await_: Await, postgres: Server, tmp_path: Path
) -> None:
    """Who updates a table updates its children, too: twice in one statement, one of which is lost."""
    file = tmp_path / "family.sql"
    file.write_text(
        "create table b_parent (at timestamptz); create table a_child (until timestamptz) inherits (b_parent);"
        "create table parts (at timestamptz) partition by range (at); create table part partition of parts default;"
        "create table noted (what text); create rule quiet as on update to noted do instead nothing;"
    )
    noon = "'2026-03-08 12:00Z'"
    rows = [
        f"insert into a_child values ({noon}, {noon})",
        f"insert into parts values ({noon})",
        f"insert into noted values ({noon})",
    ]

    with database_with([file], await_, postgres) as made:

        async def main() -> list[tuple[str, ...]]:
            await made.reset(await made.script([row.encode() for row in rows]))
            async with await psycopg.AsyncConnection.connect(made.conninfo, autocommit=True) as connection:
                if not superuser:
                    await connection.execute("grant create, usage on schema public to service_role")
                    for table in ("b_parent", "a_child", "parts", "part", "noted"):
                        await connection.execute(f"alter table {table} owner to service_role".encode())
                    await connection.execute("set session authorization service_role")
                await connection.execute("set timezone = 'UTC'")
                shift = time_shift.TimeShift(connection)
                await shift.prepare(made.catalog)
                await shift.shift(timedelta(hours=1))
                await shift.shift_written(timedelta(hours=1), since=datetime(2026, 3, 8, tzinfo=UTC), by="3")
            return await made.fetch("select c.at::text, c.until::text, p.at::text from a_child as c, parts as p")

        assert await_(main()) == [("2026-03-08 10:00:00+00",) * 3]


def test_without_timestamps_there_is_nothing_that_was_written(await_: Await, postgres: Server, tmp_path: Path) -> None:
    (tmp_path / "days.sql").write_text("create table days (day date)")
    with database_with([tmp_path / "days.sql"], await_, postgres) as made:

        async def main() -> None:
            await made.reset(await made.script([]))
            await made.shift_written(timedelta(hours=1))

        await_(main())
