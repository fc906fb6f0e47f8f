"""Units of work: what is declared of them, as Postgres evaluates it, and the log of claims."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from cronproof.domain.work import OwedMessage, Unit, UnitId, Work
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from cronproof.postgres.units import InvalidDeclarationError
from tests.support.database import Await, database_with

pytestmark = pytest.mark.postgres

SCHEMA = """
create schema shop;
create table public.people (id int primary key, email text);
create table shop.outbox (
    id int primary key, person_id int references public.people, status text not null default 'new', note text,
    locked_until timestamptz, "Order" int
);
create table public.digests (account int, month text, sent boolean, primary key (account, month));
create table public.queue (id int primary key, email text);
create table public.bare (id int);
create table public.welcomes (person_id int);
insert into public.people values (1, 'ada@example.com'), (2, 'ben@example.com');
"""
MESSAGE = OwedMessage(
    "mail",
    {"to": "(select p.email from people as p where p.id = outbox.person_id)", "subject": "'Order {1} ' || \"Order\""},
    {"text": "note"},
)
LEASED = Work(
    "leased",
    "shop.outbox",
    ["send"],
    "email",
    claimed="status = 'sent' or locked_until > now()",
    done="status = 'sent'",
    due="status <> 'sent'",
    since="id",
    message=MESSAGE,
)
QUEUED = Work("queued", "queue", ["work"], "task", removes=True)
DIGEST = Work("digest", "digests", ["digest"], "digest", claimed="sent")
SENT_ONCE = Work(
    "welcome",
    "people",
    ["welcome"],
    "person",
    claimed="exists (select from public.welcomes as w where w.person_id = people.id)",
)
STATUS = Work("status", "shop.outbox", ["send"], "email", claimed="status in ('busy', 'sent')")


@pytest.fixture(scope="module")
def shop(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("shop") / "schema.sql"
    file.write_text(SCHEMA)
    with database_with([file], await_, postgres, [LEASED, QUEUED, DIGEST, STATUS, SENT_ONCE]) as made:
        yield made


def after(database: Database, await_: Await, *statements: str) -> tuple[Mapping[str, Mapping[UnitId, Unit]], list[Any]]:
    """The units and the writes of claims after statements that two connections execute in turn."""

    async def main() -> tuple[Mapping[str, Mapping[UnitId, Unit]], list[Any]]:
        await database.reset(await database.script([]))
        async with (
            await AsyncConnection.connect(database.conninfo, autocommit=True) as one,
            await AsyncConnection.connect(database.conninfo, autocommit=True) as other,
        ):
            names = {one.info.backend_pid: "A", other.info.backend_pid: "B"}
            for number, statement in enumerate(statements):
                await (one, other)[number % 2].execute(statement.encode())
            writes = (await database.digest()).claim_writes
        return await database.units(), [
            (names[one.backend_pid], one.work, one.unit, one.is_set, one.was_set) for one in writes
        ]

    found: tuple[Mapping[str, Mapping[UnitId, Unit]], list[Any]] = await_(main())
    return found


def test_what_is_declared_is_evaluated_by_postgres(shop: Database, await_: Await) -> None:
    people = "insert into people values (2, 'ben@example.com')"
    row = "insert into shop.outbox values (5, 2, 'new', 'Thanks', now() + interval '1 minute', 17)"

    units, _ = after(shop, await_, people, row)

    assert units["leased"][5] == Unit(
        5,
        claimed=True,
        due=True,
        since=5,
        match={"to": "ben@example.com", "subject": "Order {1} 17"},
        contains={"text": "Thanks"},
    )


def test_what_is_null_is_no_claim_and_no_value(shop: Database, await_: Await) -> None:
    units, _ = after(shop, await_, "insert into shop.outbox values (5)", "insert into digests values (7, '2026-11')")

    assert (units["leased"][5].claimed, units["leased"][5].match) == (False, {"to": None, "subject": None})
    assert list(units["digest"]) == ["7/2026-11"]
    assert not units["digest"]["7/2026-11"].claimed


def test_the_database_says_which_columns_tell_and_which_are_the_key(shop: Database) -> None:
    works = {view.work.name: view.work for view in shop.works}

    assert (works["leased"].key, works["leased"].columns) == (["id"], ["status", "locked_until"])
    assert (works["digest"].key, works["digest"].columns) == (["account", "month"], ["sent"])


def test_a_status_that_is_written_twice_is_claimed_twice(shop: Database, await_: Await) -> None:
    busy = "update shop.outbox set status = 'busy' where id = 5"
    _, writes = after(
        shop, await_, "insert into shop.outbox values (5)", busy, busy, "update shop.outbox set note = 'x'"
    )

    assert [write for write in writes if write[1] == "status"] == [
        ("B", "status", 5, True, False),
        ("A", "status", 5, True, True),
    ]


def test_a_lease_that_has_expired_is_no_claim_when_another_takes_it(shop: Database, await_: Await) -> None:
    lease = "update shop.outbox set locked_until = now() + interval '{}' where id = 5"
    _, writes = after(
        shop,
        await_,
        "insert into shop.outbox values (5)",
        lease.format("-1 second"),
        lease.format("1 hour"),
        lease.format("2 hours"),
    )

    assert [write for write in writes if write[1] == "leased"] == [
        ("A", "leased", 5, True, False),
        ("B", "leased", 5, True, True),
    ]


def test_a_row_that_is_gone_was_claimed_and_is_given_back_when_it_is_there_again(shop: Database, await_: Await) -> None:
    row = "insert into queue values (1, 'a@example.com')"
    units, writes = after(shop, await_, row, "delete from queue returning id", row)

    assert writes == [("B", "queued", 1, True, False), ("A", "queued", 1, False, False)]
    assert list(units["queued"]) == [1]


def test_a_row_of_another_table_is_a_claim(shop: Database, await_: Await) -> None:
    _, writes = after(
        shop,
        await_,
        "insert into people values (1, 'ada@example.com')",
        "insert into welcomes values (1)",
        "insert into welcomes values (1)",
        "delete from welcomes",
        "begin; insert into welcomes values (1)",
        "insert into welcomes values (1)",
        "commit",
    )

    assert writes == [
        ("B", "welcome", 1, True, False),
        ("B", "welcome", 1, False, True),
        ("A", "welcome", 1, True, False),
        ("B", "welcome", 1, True, False),
    ]


def test_what_is_claimed_by_a_given_row_of_another_table_is_no_news(shop: Database, await_: Await) -> None:
    async def main() -> int:
        given = [b"insert into people values (1, 'a'), (2, 'b')", b"insert into welcomes values (1)"]
        await shop.reset(await shop.script(given))
        async with await AsyncConnection.connect(shop.conninfo, autocommit=True) as somebody:
            await somebody.execute("insert into welcomes values (1)")
        return len((await shop.digest()).claim_writes)

    assert await_(main()) == 0


def test_a_claim_that_is_rolled_back_was_none(shop: Database, await_: Await) -> None:
    _, writes = after(
        shop, await_, "insert into shop.outbox values (5)", "begin; update shop.outbox set status = 'busy'; rollback"
    )

    assert writes == []


def test_putting_rows_back_is_no_claim(shop: Database, await_: Await) -> None:
    assert after(shop, await_)[1] == []


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"table": "shop.outbux"}, "table", "there is no table 'shop.outbux'; did you mean 'shop.outbox'?"),
        ({"table": "bare"}, "table", "the table bare has no primary key; give the columns of one as `key`"),
        ({"key": ["idd"]}, "key", "the table shop.outbox has no column 'idd'; did you mean 'id'?"),
        ({"claimed": "statuss = 'sent'"}, "claimed", 'column "statuss" does not exist'),
        ({"claimed": "status"}, "claimed", "it is text, not boolean"),
        ({"claimed": "status = "}, "claimed", "syntax error at or near"),
        ({"claimed": "generate_series(1, 2) > 1"}, "claimed", "set-returning functions are not allowed in"),
        ({"claimed": "true); drop table people; select (true"}, "claimed", "it is more than an expression"),
        ({"done": "random() > 0.5"}, "done", "it calls random(), which may give another result each time"),
        ({"due": "exists (select from pg_locks)"}, "due", "it reads pg_locks, which differs from session to session"),
        ({"due": "pg_backend_pid() > 5"}, "due", "it reads pg_backend_pid, which differs from session to session"),
        ({"due": "sum(id) > 5"}, "due", "aggregate functions are not allowed in"),
        ({"since": "nothing"}, "since", 'column "nothing" does not exist'),
        (
            {"message": OwedMessage("mail", {"to": "adress"})},
            "message.match.to",
            'column "adress" does not exist',
        ),
        (
            {"message": OwedMessage("mail", {"to": "(select email from people)", "n": "(select 1, 2)"})},
            "message.match.n",
            "subquery must return only one column",
        ),
    ],
)
def test_a_mistake_in_a_declaration_is_told_with_its_place(
    change: dict[str, Any], path: str, message: str, await_: Await, postgres: Server, tmp_path: Path
) -> None:
    (tmp_path / "schema.sql").write_text(SCHEMA)
    wrong = replace(LEASED, **change)

    with (
        pytest.raises(InvalidDeclarationError) as raised,
        database_with([tmp_path / "schema.sql"], await_, postgres, [wrong]),
    ):
        pass

    assert ".".join(raised.value.path) == f"work.leased.{path}"
    assert message in raised.value.message
