"""only-eligible: only eligible units get a message, and the rows of others do not change."""

from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.domain.owners import OWNER
from cronproof.domain.work import UNIT, UNITS, UnitId, in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class OnlyEligible(StrictModel, Check):
    """Only the recipients of these units get a message, each in the name of its own owner. The
    rows of other units do not change.
    """

    id: ClassVar[str] = "only-eligible"
    units: Annotated[list[UnitId], Field(description="The units that may get a message, by id.")]
    skipped: Annotated[list[UnitId], Field(description="Units that may be decided, but not messaged.")] = []

    def examine(self, evidence: Evidence) -> Finding:
        """Checks who got a message, then the rows of all other units."""
        if problem := self._wrong_message(evidence) or self._wrong_row(evidence):
            return failed(problem)
        outside = self._outside(evidence)
        if outside:
            return passed(f"{name_units(in_order(outside))} untouched")
        if not evidence.accepted:
            return inconclusive(f"no message was accepted, and the scenario has no other {UNITS}")
        return passed("no message to anybody else")

    def _wrong_message(self, evidence: Evidence) -> str | None:
        eligible = {evidence.units[unit].recipient for unit in self.units}
        for sent in evidence.accepted:
            to = sent.message.to
            if to not in eligible:
                units = evidence.units_of(to)
                whose = f"{UNIT} {units[0].id}" if units else f"no {UNIT} of the scenario"
                return f"{whose} is not eligible, but {masked(to)} got {sent}"
            if not evidence.is_in_own_name(sent):
                return f"{masked(to)} got {sent}, with the key or from the number of another {OWNER}"
        return None

    def _outside(self, evidence: Evidence) -> set[UnitId]:
        return set(evidence.units) - set(self.units) - set(self.skipped)

    def _wrong_row(self, evidence: Evidence) -> str | None:
        outside = self._outside(evidence)
        before = {row["id"]: row for row in evidence.unit_rows_before}
        rows = evidence.unit_rows(recovered=True)
        gone = in_order(outside - {row["id"] for row in rows})
        if gone:
            return f"{name_units(gone)}: not eligible, but deleted"
        for row in rows:
            if row["id"] in outside and row != before[row["id"]]:
                changed = ", ".join(column for column in row if row[column] != before[row["id"]][column])
                return f"{UNIT} {row['id']} is not eligible, but its row was changed ({changed})"
        return None
