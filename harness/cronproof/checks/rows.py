"""rows: rows that must exist after the execution."""

import json
from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue, RootModel

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed

Row = dict[str, JsonValue]


class Rows(RootModel[Annotated[dict[str, list[Row]], Field(min_length=1)]], Check):
    """Each of these rows exists after the execution, with at least these values, by table."""

    id: ClassVar[str] = "rows"

    @property
    def tables(self) -> list[str]:
        """The tables that are named."""
        return list(self.root)

    def examine(self, evidence: Evidence) -> Finding:
        """Matches each expected row with a different actual row."""
        if not any(self.root.values()):
            return inconclusive("no row is named")
        for table, wanted in self.root.items():
            left = list(evidence.after.get(table, []))
            for row in wanted:
                found = next((one for one in left if _has(one, row)), None)
                if found is None:
                    return failed(f"{table} has no row with {json.dumps(row, ensure_ascii=False)}")
                left.remove(found)
        return passed(", ".join(f"{len(wanted)} in {table}" for table, wanted in self.root.items()))


def _has(row: dict[str, Any], values: Row) -> bool:
    return all(column in row and row[column] == value for column, value in values.items())
