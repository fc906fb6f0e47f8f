"""What a cron probably works on, by its source and the schema."""

from collections.abc import Mapping
from typing import Any

import pytest

from cronproof.setup.first_scenario import make_rows
from cronproof.setup.guess import guess_work
from cronproof.setup.schema import Column, Schema, Table

PLAIN: Mapping[str, Any] = {
    "type": "text",
    "is_required": False,
    "is_nullable": True,
    "is_made": False,
    "default": None,
    "words": (),
    "refers_to": None,
    "is_key": False,
}


def table(name: str, **columns: Mapping[str, Any]) -> Table:
    key = {"type": "integer", "is_key": True, "is_required": False, "is_nullable": False, "is_made": True}
    all_columns = {"id": key, **columns}
    return Table(name=name, columns=tuple(Column(name=one, **{**PLAIN, **about}) for one, about in all_columns.items()))


TIME = {"type": "timestamp with time zone"}
PEOPLE = table("people", email={"is_required": True}, note={})
OUTBOX = table(
    "outbox",
    person_id={"type": "integer", "refers_to": ("people", "id")},
    status={"words": ("pending", "sending", "sent", "failed"), "default": "'pending'::text"},
    locked_until=TIME,
    send_at=TIME,
    created_at={**TIME, "default": "now()"},
)
LETTERS = table("shop_letters", recipient={"is_required": True}, sent_at=TIME, is_urgent={"type": "boolean"})
FLAGS = table("digests", phone={}, delivered={"type": "boolean", "default": "false"})
LOG = table("audit", message={})
CLAIM = """
create function public.claim_letters(most integer) returns setof shop_letters language sql as $function$
    update public.shop_letters as l set sent_at = now() where l.id in (
        select id from shop_letters where is_urgent and sent_at is null limit most for update skip locked
    ) returning *
$function$
"""
SCHEMA = Schema(
    {one.name: one for one in (PEOPLE, OUTBOX, LETTERS, FLAGS, LOG)}, [("claim_letters", CLAIM), ("unused", "x")]
)


@pytest.mark.parametrize(
    ("source", "due", "claimed", "done", "since", "recipient"),
    [
        (
            "rows = db.execute(\"select id from outbox where status = 'pending' and send_at <= now()\")\ndb.execute(\"update outbox set status = 'sending', locked_until = %s where id = %s\")",
            "send_at <= now() and status = 'pending' and (locked_until is null or locked_until < now())",
            "status in ('sending', 'sent') or locked_until > now()",
            "status = 'sent'",
            "send_at",
            "(select r.email from people as r where r.id = outbox.person_id)",
        ),
        (
            "await supabase.rpc('claim_letters', { most: 20 })",
            "is_urgent and sent_at IS NULL",
            "sent_at is not null",
            None,
            None,
            "recipient",
        ),
        (
            "for letter in ShopLetter.objects.filter(sent_at=None):\n    letter.sent_at = now()\n    letter.save()",
            "sent_at is null",
            "sent_at is not null",
            None,
            None,
            "recipient",
        ),
        (
            "await prisma.digests.update({ where: { id }, data: { delivered: true } })",
            "not delivered",
            "delivered",
            None,
            None,
            "phone",
        ),
    ],
)
def test_what_a_cron_works_on(
    source: str, due: str, claimed: str, done: str | None, since: str | None, recipient: str
) -> None:
    guess = guess_work("send", source, SCHEMA)

    assert guess is not None
    found = (sorted(guess.due.split(" and ")), guess.claimed, guess.done, guess.since, guess.recipient)
    assert found == (sorted(due.split(" and ")), claimed, done, since, recipient)


@pytest.mark.parametrize(
    "source",
    [
        "insert into audit (message) values ('hi')",
        "select count(*) from outbox where status = 'pending'",
        "console.log('nothing')",
        "select * from shop_letters where sent_at is null",
    ],
)
def test_without_a_column_that_it_writes_nothing_is_guessed(source: str) -> None:
    assert guess_work("look", source, SCHEMA) is None


def test_the_rows_of_a_scenario_are_due_and_have_their_parents() -> None:
    source = "update outbox set status = 'sent' where status = 'pending' and send_at <= now()"
    guess = guess_work("send", source, SCHEMA)
    assert guess is not None

    rows = make_rows(guess, SCHEMA.tables, {})

    assert list(rows) == ["people", "outbox"]
    assert [row["email"] for row in rows["people"]] == ["ada@example.com", "ben@example.com"]
    assert rows["outbox"] == [
        {"id": number, "person_id": number, "status": "pending", "send_at": "1 day ago"} for number in (1, 2)
    ]


def test_rows_that_are_always_there_are_the_parents() -> None:
    guess = guess_work("send", "update outbox set status = 'sent'", SCHEMA)
    assert guess is not None

    rows = make_rows(guess, SCHEMA.tables, {"people": [{"id": 7}, {"id": 8}]})

    assert list(rows) == ["outbox"]
    assert [row["person_id"] for row in rows["outbox"]] == [7, 7]
