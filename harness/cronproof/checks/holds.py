"""holds: an invariant of one's own, as a query for the rows that violate it."""

import json
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel

SHOWN_ROWS = 3


class Holds(StrictModel, Check):
    """A query of your own finds no row after the execution: its rows are violations."""

    id: ClassVar[str] = "holds"
    may_repeat: ClassVar[bool] = True
    name: Annotated[str, Field(min_length=1, description="What holds: `no product is oversold`.")]
    sql: Annotated[str, Field(min_length=1, description="A query for the rows that violate it. It may not write.")]

    @property
    def queries(self) -> list[str]:
        """The query."""
        return [self.sql]

    def examine(self, evidence: Evidence) -> Finding:
        """Fails if the query has found rows, and shows the first ones."""
        rows = evidence.answers[self.sql]
        if not rows:
            return passed(self.name)
        shown = ", ".join(json.dumps(row, ensure_ascii=False) for row in rows[:SHOWN_ROWS])
        more = f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
        return failed(f"not {self.name}: {shown}{more}")
