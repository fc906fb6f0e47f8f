"""Units of work: rows that each require one message. Here they are jobs."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronproof.domain.database import Rows

UNIT = "job"
"""The word for a unit in messages."""
UNITS = "jobs"
"""The table of the units, and the key under which scenarios list them."""
RECIPIENT = "customer"
RECIPIENTS = "customers"
"""The table of the people who get the messages of units."""
RECIPIENT_COLUMN = "phone_number"
COMPARED_TABLES = frozenset({RECIPIENTS, UNITS})
"""The tables that are evidence in every scenario."""
MAIN_SERVICE = "openphone"
"""The service that sends the messages of units."""
CLAIM = re.compile(r"\bjobs\b|\bclaim_\w+", re.IGNORECASE)
"""Matches a statement that claims units or, before the fix, reads them."""

UnitId = int | str
"""The primary key of a unit as in JSON: a number, or a UUID as text."""


def is_claim_column(column: str) -> bool:
    """Whether a unit is claimed by setting this column."""
    return column.endswith("_sent_at")


def in_order(ids: Iterable[UnitId]) -> list[UnitId]:
    """Sorts ids: numbers by value, then texts."""
    return sorted(ids, key=lambda unit_id: (isinstance(unit_id, str), unit_id))


def name_units(ids: Sequence[UnitId]) -> str:
    """Formats units for a message: `job 32`, `jobs 32 and 33`."""
    numbers = [str(number) for number in ids]
    return f"{UNIT} {numbers[0]}" if len(numbers) == 1 else f"{UNITS} {', '.join(numbers[:-1])} and {numbers[-1]}"


@dataclass(frozen=True)
class Unit:
    """A unit of work: its id, the recipient of its message, and since when it is due."""

    id: UnitId
    recipient: str | None
    since: datetime | None


def units_of_rows(rows: Rows) -> dict[UnitId, Unit]:
    """Returns the units by id. The recipient is the customer's number, else the unit's own."""
    phones = {customer["id"]: customer.get(RECIPIENT_COLUMN) for customer in rows.get(RECIPIENTS, [])}
    return {
        row["id"]: Unit(
            row["id"],
            phones.get(row.get("customer_id")) or row.get(RECIPIENT_COLUMN),
            _time(row.get("completed_at")),
        )
        for row in rows.get(UNITS, [])
    }


def texts_of(rows: Rows, row: Mapping[str, Any]) -> set[str]:
    """Returns every text in a row and in the person to whom it refers: its recipient is among them."""
    person = row.get(f"{RECIPIENT}_id")
    people = [one for one in rows.get(RECIPIENTS, []) if person is not None and one.get("id") == person]
    return {text for one in (row, *people) for text in texts_in(one)}


def texts_in(value: Any) -> Iterator[str]:
    """Yields every text in a value as in JSON, at any depth."""
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from texts_in(one)
        case list():
            for one in value:
                yield from texts_in(one)
        case _:
            pass


def person_of(rows: Rows, recipient: str) -> str:
    """Returns the phone number of a chat or contact if the rows have it, else the recipient."""
    for table, column, phone in (
        ("cleaners", "telegram_id", "phone"),
        ("ghl_followups", "ghl_contact_id", "phone_number"),
    ):
        for row in rows.get(table, ()):
            if row.get(column) == recipient and row.get(phone):
                return str(row[phone])
    return recipient


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):  # NULL, or a year that Python cannot represent
        return None
