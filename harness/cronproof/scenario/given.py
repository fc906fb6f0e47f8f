"""`given`: what is there before the crons are called."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from cronproof.domain.database import Role
from cronproof.services.given import ServicesGiven
from cronproof.strict_model import StrictModel

CLOCK_FORM = "say when, and where: `2026-03-08 08:00 America/Los_Angeles`"

FilePlace = tuple[str | int, ...]
"""Keys that lead to a place in the file."""

Row = dict[str, Any]


class Repeated(StrictModel):
    """Many similar rows. From row to row `id`, every `…_id` and phone numbers go up by one."""

    repeat: Annotated[int, Field(ge=2, le=500, description="How many rows.")]
    row: Annotated[Row, Field(description="The first row. Each further one is a minute older.")]


def _form_of_row(value: Any) -> str:
    return "repeated" if isinstance(value, Repeated) or (isinstance(value, dict) and "repeat" in value) else "row"


RowItem = Annotated[
    Annotated[Repeated, Tag("repeated")]
    | Annotated[
        Row,
        WithJsonSchema({"type": "object", "not": {"required": ["repeat"]}, "description": "A row: values by column."}),
        Tag("row"),
    ],
    Discriminator(_form_of_row),
]


def rows_of(table: list[Repeated | Row]) -> Iterator[tuple[int, int, Row]]:
    """Yields a table's rows: position in the file, number of the repetition, row."""
    for position, item in enumerate(table):
        if isinstance(item, Repeated):
            for repetition in range(item.repeat):
                yield position, repetition, item.row
        else:
            yield position, 0, item


def _time_of_a_place(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(CLOCK_FORM)  # noqa: TRY004  (the reader reports it with its line)
    time, _, zone = value.rpartition(" ")
    try:
        return datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(zone))
    except (ValueError, LookupError):
        raise ValueError(CLOCK_FORM) from None


class Given(ServicesGiven):
    """The state before the crons are called. The seed rows of the target are always there."""

    rows: Annotated[
        dict[str, list[RowItem]],
        Field(
            description="Rows by table, each with its columns; a table outside `public` with its schema: `queue.settings`. Times: `3 hours ago`, `in 2 days`, `30 days 12 hours ago`, "
            "`now`. Whose a row is (`[owners]` in cronproof.toml) is given by name; left out, it is the first one of the seed. "
            "`{any: [a, b]}` is one of several values, drawn for each execution of a sample; without a sample it is the first."
        ),
    ] = {}
    clock: Annotated[
        datetime | None,
        BeforeValidator(_time_of_a_place, json_schema_input_type=str),
        Field(
            description="The time at which the application's clock stands still: `2026-03-08 08:00 America/Los_Angeles`. "
            "Times of rows count from it. Only the clock of crons in this process can be set, never that of the "
            "database."
        ),
    ] = None
    role: Annotated[
        Role,
        Field(description="The crons' database role. All except service_role are subject to row-level security."),
    ] = "service_role"

    def places_to_choose(self) -> Iterator[tuple[FilePlace, Row, str]]:
        """Yields the place, row and column of each `{any: …}`, in the order of the file."""
        for table, items in self.rows.items():
            for position, item in enumerate(items):
                row, within = (item.row, ("row",)) if isinstance(item, Repeated) else (item, ())
                for column, value in row.items():
                    if isinstance(value, dict) and value.keys() == {"any"} and isinstance(value["any"], list):
                        yield ("given", "rows", table, position, *within, column), row, column

    @property
    def flat_rows(self) -> dict[str, list[Row]]:
        """The rows by table, with repetitions."""
        return {table: [row for _, _, row in rows_of(items)] for table, items in self.rows.items()}
