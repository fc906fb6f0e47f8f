"""What is declared about an application."""

from cronproof.domain.application import Alias, Application
from cronproof.domain.database import Rows
from cronproof.domain.owners import Owners
from cronproof.domain.work import Work

PHONE = "+12125550132"
EMAIL, DIGEST = Work("email", "outbox", ["send"], "email"), Work("digest", "digests", ["send", "digest"], "digest")
OWNERS = Owners("shop", "shops", "id", "shop_id", "name")
REFERENCES = {"outbox": {"person_id": ("people", "id"), "shop_id": ("shops", "id")}}
ROWS: Rows = {
    "people": [{"id": 1, "email": "ada@example.com"}, {"id": 2, "email": "ben@example.com"}],
    "shops": [{"id": 1, "owner": "owner@example.com"}],
    "outbox": [{"id": 5, "person_id": 2, "shop_id": 1, "payload": {"subject": "Hi"}}],
}


def test_work_is_found_by_the_crons_that_do_it() -> None:
    application = Application([EMAIL, DIGEST])

    assert application.works_of(["send"]) == [EMAIL, DIGEST]
    assert application.works_of(["digest", "other"]) == [DIGEST]
    assert application.works_of(["other"]) == []


def test_a_chat_belongs_to_a_person() -> None:
    application = Application(aliases=[Alias("cleaners", "chat", "phone")])
    rows: Rows = {"cleaners": [{"chat": "700700", "phone": PHONE}, {"chat": "600600", "phone": None}]}

    assert [application.find_person(rows, address) for address in ("700700", "600600", "5")] == [PHONE, "600600", "5"]


def test_the_texts_of_a_row_are_its_own_and_those_of_rows_that_it_refers_to_but_not_of_its_owner() -> None:
    texts = Application(owners=OWNERS, references=REFERENCES).find_texts(ROWS, "outbox", ROWS["outbox"][0])

    assert texts == {"Hi", "ben@example.com"}
    assert "owner@example.com" in Application(references=REFERENCES).find_texts(ROWS, "outbox", ROWS["outbox"][0])
