"""exclusive: no unit of work is claimed by two instances."""

from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.domain.work import UnitId
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class Exclusive(StrictModel, Check):
    """No instance claims a unit that another one has claimed and not given back. A claim that expires is
    given back.
    """

    id: ClassVar[str] = "exclusive"
    is_about_units: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Follows the claims of each unit in order."""
        if not any(write.is_set for write in evidence.claim_writes):
            return inconclusive(f"no instance claimed any {evidence.any_unit}")
        works = {work.name: work for work in evidence.application.works}
        holders: dict[tuple[UnitId, str], str] = {}
        for write in evidence.claim_writes:
            claim, work = (write.unit, write.work), works[write.work]
            holder = holders.get(claim)
            if not write.is_set:
                holders.pop(claim, None)
            # Who claims by a row of another table does not see the claim of somebody who has not committed.
            elif holder not in (None, write.instance) and (write.was_set or work.is_claimed_elsewhere):
                return failed(
                    f"{work.unit} {write.unit} was claimed by {holder} and by {write.instance} ({write.work})"
                )
            else:
                holders[claim] = write.instance
        return passed(f"every claimed {evidence.any_unit} by one instance only")
