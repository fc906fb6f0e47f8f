"""Units of work: rows that each owe something, mostly one message."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cronproof.domain.database import Rows

UnitId = int | str
"""The key of a unit as in JSON: a number, or text. Keys of several columns are joined: `7/2026-11`."""

NamedUnits = Sequence[UnitId] | Mapping[str, Sequence[UnitId]]
"""Units by id; or, where several works have the same ids, by the name of their work."""


@dataclass(frozen=True)
class OwedMessage:
    """The message that is owed for a unit: its service, and fields of it as SQL over the unit's row.

    A field equals its expression in `match`, and contains it in `contains`.
    """

    service: str
    match: Mapping[str, str]
    contains: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Work:
    """Units of work of one kind, as they are declared. Conditions are SQL over a row of the table."""

    name: str
    table: str
    """The title of the table: with its schema, if that is not `public`."""
    crons: Sequence[str]
    """The crons that do it."""
    unit: str
    """The word for a unit in messages."""
    claimed: str | None = None
    """When an instance has taken a unit. None: as soon as its row is gone."""
    done: str | None = None
    """When a unit is done. None: when it is claimed."""
    due: str | None = None
    since: str | None = None
    """Since when a unit is due: those that come first are served first."""
    removes: bool = False
    """Whether the row of a unit that is done is removed."""
    message: OwedMessage | None = None
    key: Sequence[str] = ()
    """The columns of the key."""
    columns: Sequence[str] = ()
    """The columns that tell whether a unit is claimed or done."""
    is_claimed_elsewhere: bool = False
    """Whether rows of other tables tell whether a unit is claimed."""

    def id_of(self, row: Mapping[str, Any]) -> UnitId:
        """Returns the id of a unit, given its row as in JSON."""
        return join_key([row[column] for column in self.key])

    def rows_by_id(self, rows: Rows) -> dict[UnitId, Mapping[str, Any]]:
        """Returns the rows of the work's table by the ids of their units."""
        return {self.id_of(row): row for row in rows.get(self.table, ())}


@dataclass(frozen=True)
class Unit:
    """The state of a unit of work at some moment."""

    id: UnitId
    claimed: bool = False
    done: bool = False
    due: bool = False
    since: Any = None
    """As in JSON. It compares with that of other units."""
    match: Mapping[str, str | None] = field(default_factory=dict)
    """What fields of its message equal."""
    contains: Mapping[str, str | None] = field(default_factory=dict)
    """What fields of its message contain."""

    @property
    def recipient(self) -> str | None:
        """The recipient of its message, if that is known."""
        return self.match.get("to")

    @property
    def is_owed_message(self) -> bool:
        """Whether a message could fit it: everything that is declared of it has a value."""
        return None not in {*self.match.values(), *self.contains.values()}


Units = Mapping[UnitId, Unit]


def join_key(values: Sequence[Any]) -> UnitId:
    """Makes the id of a unit from the values of its key, as in JSON."""
    if len(values) == 1 and isinstance(values[0], int | str):
        return values[0]
    return "/".join(map(str, values))


def in_order(ids: Iterable[UnitId]) -> list[UnitId]:
    """Sorts ids: numbers by value, then texts."""
    return sorted(ids, key=lambda unit_id: (isinstance(unit_id, str), unit_id))


def name_units(word: str, ids: Sequence[UnitId]) -> str:
    """Formats units for a message: `email 32`, `emails 32 and 33`."""
    numbers = [str(number) for number in ids]
    return (
        f"{word} {numbers[0]}" if len(numbers) == 1 else f"{several(word)} {', '.join(numbers[:-1])} and {numbers[-1]}"
    )


def several(word: str) -> str:
    """Returns the plural of a word for units."""
    if word.endswith("s"):
        return word
    if word.endswith("y") and word[-2:-1] not in {*"aeiou", ""}:
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("x", "ch", "sh")) else f"{word}s"


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
