"""Units of work."""

from datetime import UTC, datetime

from cronproof.domain.database import Rows
from cronproof.domain.work import in_order, is_claim_column, name_units, person_of, units_of_rows

PHONE = "+12125550132"


def test_a_unit_goes_to_its_customer_and_else_to_its_own_number() -> None:
    rows: Rows = {
        "customers": [{"id": 1, "phone_number": PHONE}],
        "jobs": [
            {"id": 32, "customer_id": 1, "phone_number": None, "completed_at": "2026-11-23T12:00:00+00:00"},
            {"id": 33, "customer_id": None, "phone_number": "+12125550133", "completed_at": None},
        ],
    }

    units = units_of_rows(rows)

    assert [unit.recipient for unit in units.values()] == [PHONE, "+12125550133"]
    assert units[32].since == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert units[33].since is None


def test_a_chat_belongs_to_a_person() -> None:
    rows = {"cleaners": [{"telegram_id": "700700", "phone": PHONE}]}

    assert person_of(rows, "700700") == PHONE
    assert person_of(rows, "800800") == "800800"


def test_how_units_are_named_and_sorted() -> None:
    assert (name_units([32]), name_units([32, 33, 34])) == ("job 32", "jobs 32, 33 and 34")
    assert in_order(["b", 10, 9, "a"]) == [9, 10, "a", "b"]
    assert (is_claim_column("followup_sent_at"), is_claim_column("status")) == (True, False)
