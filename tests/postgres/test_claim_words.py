"""Which statements work on units."""

import pytest

from cronproof.postgres.claim_words import ClaimWords
from cronproof.postgres.functions import Functions
from cronproof.postgres.instrumented import Function


def function(name: str, source: str) -> Function:
    return Function(name, "sql", is_volatile=True, source=source, definition=source)


FUNCTIONS = Functions(
    [
        function("take_some", "update public.outbox set taken_at = now() returning id"),
        function("take_through", "select take_some()"),
        function("tidy", "delete from old_things"),
    ]
)


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("select * from take_some($1)", "take_some"),
        ("select * from public.take_through()", "take_through"),
        ("select id from public.outbox", "outbox"),
        ('select id from "Outbox"', "Outbox"),
        ("select id from outboxes", None),
        ("select tidy()", None),
        ("select 1 -- about the outbox", None),
        ("COMMIT", None),
    ],
)
def test_a_statement_has_the_word_of_what_it_works_on(statement: str, word: str | None) -> None:
    assert ClaimWords(["outbox"], FUNCTIONS).find(statement) == word


def test_without_work_no_statement_has_one() -> None:
    assert ClaimWords([], FUNCTIONS).find("select id from public.outbox") is None
