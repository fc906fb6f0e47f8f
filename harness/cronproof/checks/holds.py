"""holds: an invariant of one's own, as a query for the rows that violate it."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from cronproof.checks.check import Check, Query
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel

SHOWN_ROWS = 3


class Holds(StrictModel, Check):
    """A query of your own finds no row: its rows are violations. It is asked after the execution, or
    after every commit.
    """

    id: ClassVar[str] = "holds"
    may_repeat: ClassVar[bool] = True
    name: Annotated[str, Field(min_length=1, description="What holds: `no product is oversold`.")]
    sql: Annotated[str, Field(min_length=1, description="A query for the rows that violate it. It may not write.")]
    always: Annotated[bool, Field(description="It holds after every commit, not only in the end.")] = False

    @property
    def queries(self) -> list[Query]:
        """The query."""
        return [self.sql]

    @property
    def invariants(self) -> list[str]:
        """The query, if it is asked after every commit."""
        return [self.sql] if self.always else []

    def examine(self, evidence: Evidence) -> Finding:
        """Fails if the query has found rows, and shows the first ones."""
        violation = evidence.violations.get(self.sql)
        if violation is not None:
            return failed(f"violated: {self.name}, after {violation.after}: {show_rows(violation.rows)}")
        rows = evidence.answers[self.sql]
        return failed(f"violated: {self.name}: {show_rows(rows)}") if rows else passed(self.name)


def show_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Shows the first rows in one line."""
    shown = ", ".join(json.dumps(row, ensure_ascii=False) for row in rows[:SHOWN_ROWS])
    return f"{shown} and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else shown
