"""only-eligible: only eligible units get a message, and the rows of others do not change."""

from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.domain.work import UNIT, UNITS, UnitId, in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class OnlyEligible(StrictModel, Check):
    """Only the recipients of these units get a message. The rows of other units do not change."""

    id: ClassVar[str] = "only-eligible"
    units: Annotated[list[UnitId], Field(description="The units that may get a message, by id.")]
    skipped: Annotated[list[UnitId], Field(description="Units that may be decided, but not messaged.")] = []

    def examine(self, evidence: Evidence) -> Finding:
        """Checks who got a message, then the rows of all other units."""
        eligible = {evidence.units[unit].recipient for unit in self.units}
        for sent in evidence.accepted:
            if sent.message.to not in eligible:
                units = evidence.units_of(sent.message.to)
                whose = f"{UNIT} {units[0].id}" if units else f"no {UNIT} of the scenario"
                return failed(f"{whose} is not eligible, but {masked(sent.message.to)} got {sent}")
        outside = set(evidence.units) - set(self.units) - set(self.skipped)
        before = {row["id"]: row for row in evidence.unit_rows_before}
        rows = evidence.unit_rows(recovered=True)
        gone = in_order(outside - {row["id"] for row in rows})
        if gone:
            return failed(f"{name_units(gone)}: not eligible, but deleted")
        for row in rows:
            if row["id"] in outside and row != before[row["id"]]:
                changed = ", ".join(column for column in row if row[column] != before[row["id"]][column])
                return failed(f"{UNIT} {row['id']} is not eligible, but its row was changed ({changed})")
        if outside:
            return passed(f"{name_units(in_order(outside))} untouched")
        if not evidence.accepted:
            return inconclusive(f"no message was accepted, and the scenario has no other {UNITS}")
        return passed("no message to anybody else")
