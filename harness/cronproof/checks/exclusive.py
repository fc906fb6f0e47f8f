"""exclusive: no unit of work is claimed by two instances."""

from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.domain.work import UNIT, UnitId
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class Exclusive(StrictModel, Check):
    """No instance claims a unit that another one has claimed and not given back."""

    id: ClassVar[str] = "exclusive"
    is_about_units: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Follows the claims of each unit in order."""
        if not any(write.is_set for write in evidence.claim_writes):
            return inconclusive(f"no instance claimed anything: no expected {UNIT} was eligible")
        holders: dict[tuple[UnitId, str], str] = {}
        for write in evidence.claim_writes:
            claim = (write.unit, write.column)
            holder = holders.get(claim)
            if not write.is_set:
                holders.pop(claim, None)
            elif holder not in (None, write.instance):
                return failed(f"{UNIT} {write.unit} was claimed by {holder} and by {write.instance} ({write.column})")
            else:
                holders[claim] = write.instance
        return passed(f"every claimed {UNIT} by one instance only")
