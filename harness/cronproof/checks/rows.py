"""rows: rows that must exist after the execution."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, JsonValue, RootModel, Tag

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel

Row = dict[str, JsonValue]


class CountedRows(StrictModel):
    """How many rows a table must have, and some or all of them."""

    count: Annotated[int, Field(ge=0, description="How many rows there must be in all.")]
    rows: Annotated[list[Row], Field(description="Rows that must be among them.")] = []


TableRows = Annotated[
    Annotated[list[Row], Tag("listed-rows")] | Annotated[CountedRows, Tag("counted-rows")],
    Discriminator(lambda value: "counted-rows" if isinstance(value, dict | CountedRows) else "listed-rows"),
]


class Rows(RootModel[Annotated[dict[str, TableRows], Field(min_length=1)]], Check):
    """Each of these rows exists after the execution, with at least these values, by table. With a `count`,
    there are as many rows and no more.
    """

    id: ClassVar[str] = "rows"

    @property
    def tables(self) -> list[str]:
        """The tables that are named."""
        return list(self.root)

    @property
    def named_columns(self) -> Iterator[tuple[Sequence[str | int], str, Collection[str]]]:
        """Those of the rows."""
        for table, rows in self.root.items():
            for number, row in enumerate(rows if isinstance(rows, list) else rows.rows):
                yield [table, *(() if isinstance(rows, list) else ("rows",)), number], table, row

    def examine(self, evidence: Evidence) -> Finding:
        """Matches each expected row with a different actual row, and counts."""
        if not any(count is not None or wanted for _, count, wanted in self._expected()):
            return inconclusive("no row is named")
        for table, count, wanted in self._expected():
            left = list(evidence.after.get(table, []))
            if count is not None and len(left) != count:
                return failed(f"{table} has {len(left)} rows, not {count}")
            for row in wanted:
                found = next((one for one in left if _has(one, row)), None)
                if found is None:
                    return failed(f"{table} has no row with {json.dumps(row, ensure_ascii=False)}")
                left.remove(found)
        parts = [
            f"{len(wanted)} in {table}" if count is None else f"{count} in all in {table}"
            for table, count, wanted in self._expected()
        ]
        return passed(", ".join(parts))

    def _expected(self) -> Iterator[tuple[str, int | None, list[Row]]]:
        """Yields each table with the number of its rows, if that is said, and those that are named."""
        for table, rows in self.root.items():
            yield (table, None, rows) if isinstance(rows, list) else (table, rows.count, rows.rows)


def _has(row: dict[str, Any], values: Row) -> bool:
    return all(column in row and row[column] == value for column, value in values.items())
