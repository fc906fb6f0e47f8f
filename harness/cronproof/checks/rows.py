"""rows: what must be written in other tables."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue, RootModel

from cronproof.checks.check import Check, Finding, failed, passed
from cronproof.evidence.evidence import Run

Row = dict[str, JsonValue]


class Rows(RootModel[Annotated[dict[str, list[Row]], Field(min_length=1)]], Check):
    """After the run each of these rows is there, by table: with these values, whatever else is in it. There may be more."""

    id: ClassVar[str] = "rows"

    @property
    def tables(self) -> list[str]:
        """The tables that are named."""
        return list(self.root)

    def examine(self, run: Run) -> Finding:
        """Looks for a row of its own for each."""
        for table, wanted in self.root.items():
            left = list(run.after.get(table, []))
            for row in wanted:
                found = next((one for one in left if _has(one, row)), None)
                if found is None:
                    return failed(f"{table} has no row with {json.dumps(row, ensure_ascii=False)}")
                left.remove(found)
        return passed(", ".join(f"{len(wanted)} in {table}" for table, wanted in self.root.items()))


def _has(row: dict[str, Any], values: Row) -> bool:
    return all(column in row and row[column] == value for column, value in values.items())
