"""Writes a first scenario for a cron: two rows that are due, two instances at once, every interleaving."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cronproof.setup.guess import STATUS, Guess
from cronproof.setup.schema import Column, Table

PEOPLE = ("ada", "ben")
_TIMES = ("timestamp", "date")
_NUMBERS = ("integer", "bigint", "smallint", "numeric", "real", "double precision")
_AGES = re.compile(r"\d+ (day|week|month)")
_WAITS = re.compile(r"(\w+) = '(\w+)'")


Rows = dict[str, list[dict[str, Any]]]
"""Rows by table."""


def make_rows(guess: Guess, tables: Mapping[str, Table], seed: Mapping[str, Sequence[Mapping[str, Any]]]) -> Rows:
    """Makes two rows that are due, and the rows that they refer to, parents first. `seed`: the rows that are always there."""
    made: Rows = {}
    for number, person in enumerate(PEOPLE, 1):
        _add(guess.table, number, person, guess, tables, seed, made)
    return made


def _add(
    table: Table,
    number: int,
    person: str,
    guess: Guess,
    tables: Mapping[str, Table],
    seed: Mapping[str, Sequence[Mapping[str, Any]]],
    made: Rows,
) -> Mapping[str, Any]:
    """Makes a row, after those that it refers to, and returns it."""
    if seed.get(table.name):
        return seed[table.name][0]  # others may be there to be passed over
    if len(made.get(table.name, ())) >= number:
        return made[table.name][number - 1]
    row: dict[str, Any] = {}
    place = guess.recipient_column
    due = dict(_WAITS.findall(guess.due)) if table is guess.table else {}
    for column in table.columns:
        if column.refers_to is not None:
            parent = tables[column.refers_to[0]]
            leads_to_recipient = place is not None and _leads_to(parent, place[0])
            if parent is not table and (column.is_required or leads_to_recipient):
                row[column.name] = _add(parent, number, person, guess, tables, seed, made)[column.refers_to[1]]
        elif column.name in due:
            row[column.name] = due[column.name]
        elif (
            column.is_key
            or column.is_required
            or place == (table.name, column.name)
            or _says_when(column, table, guess)
        ):
            is_old = table is guess.table and _AGES.search(guess.due) is not None
            row[column.name] = _value(column, number, person, ago="90 days" if is_old else "1 day")
    made.setdefault(table.name, []).append(row)
    return row


def _leads_to(table: Table, name: str) -> bool:
    """Whether a table is the one of this name, or refers to it."""
    return name in {table.name, *(column.refers_to[0] for column in table.columns if column.refers_to is not None)}


def _says_when(column: Column, table: Table, guess: Guess) -> bool:
    """Whether a unit is due by when it says that something is."""
    is_time = table is guess.table and column.type.startswith(_TIMES)
    return is_time and re.search(rf"\b{re.escape(column.name)} <=? ", guess.due) is not None


def _value(column: Column, number: int, person: str, *, ago: str) -> Any:
    """Returns a value that a column of this type and name probably accepts."""
    if column.words:
        return column.words[0]
    of_type: Mapping[str, Any] = {
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "date": "3 days ago",
        "boolean": False,
        "json": {},
        "jsonb": {},
        **dict.fromkeys(_NUMBERS, number),
    }
    if column.type in of_type:
        return of_type[column.type]
    if column.type.startswith("timestamp"):
        return f"{ago} ago"
    return [] if column.type.endswith("[]") else _text(column, number, person)


def _text(column: Column, number: int, person: str) -> str:
    if "phone" in column.name or "mobile" in column.name or column.name == "msisdn":
        return f"+121255501{31 + number}"
    if re.search(r"mail(_address)?$", column.name) or column.name in {"recipient", "to", "to_address", "address"}:
        return f"{person}@example.com"
    if STATUS.search(column.name):
        return "pending"
    return f"{column.name} {number}" if column.is_key else person.capitalize()


def write_scenario(guess: Guess, rows: Rows, *, method: str | None, doubt: str | None) -> str:
    """Writes the scenario file. A command has no `method`."""
    lines = [
        f"# A first scenario, which is a guess: rows that {guess.cron} acts on, and two instances at once.",
        *([f"# It is not right yet: {doubt}"] if doubt else []),
        f"title: Two instances of {guess.cron} at once do each piece of work once",
        "why: A scheduler can call it twice, or a call can last longer than the time until the next one.",
        "test: race",
        "given:",
        "  rows:",
    ]
    for name, of_table in rows.items():
        lines.append(f"    {name}:")
        lines += [f"      - {json.dumps(row, ensure_ascii=False)}" for row in of_table]
    lines += ["when:", f"  call: {guess.cron}", "  instances: 2", "  interleavings: all"]
    lines += ["  method: POST"] if method == "POST" else []
    lines += ["then:", "  - exclusive"]
    if guess.recipient is not None:
        lines += ["  - no-duplicate", "  - no-loss"]
    lines += ["  - claims-agree", f"  - status: {0 if method is None else 200}", "  - egress"]
    return "\n".join(lines) + "\n"
