"""batch-limit: a call claims at most so many units, the oldest ones."""

from collections import Counter
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.domain.work import UNIT, UNITS, Unit, UnitId, in_order
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class BatchLimit(StrictModel, Check):
    """Each call claims at most `at_most` units, the oldest ones, in whichever order it sends. A
    single instance must use the whole limit.
    """

    id: ClassVar[str] = "batch-limit"
    needs_recovery: ClassVar[bool] = True
    may_change_in_recovery: ClassVar[bool] = True
    depends_on_query_plan: ClassVar[bool] = True
    is_about_units: ClassVar[bool] = True
    at_most: Annotated[int, Field(ge=1, description="How many units one call may claim.")]

    def examine(self, evidence: Evidence) -> Finding:
        """Checks the number of claims, and that no older unit was passed over."""
        claimed = {(write.instance, write.unit) for write in evidence.claim_writes if write.is_set}
        if not claimed:
            return inconclusive(f"no instance claimed anything: no expected {UNIT} was eligible")
        for instance, count in sorted(Counter(instance for instance, _ in claimed).items()):
            if count > self.at_most:
                return failed(f"{instance} claimed {count} {UNITS}, {count - self.at_most} more than {self.at_most}")
        ids = {unit for _, unit in claimed}
        eligible = {unit for column in evidence.purposes for unit in evidence.claimed(column)}
        if len(eligible) <= self.at_most:
            return inconclusive(f"{len(eligible)} eligible {UNITS} cannot show a limit of {self.at_most}")
        if len(evidence.instances) == 1 and len(ids) < self.at_most:
            return failed(f"{len(ids)} were claimed, though {len(eligible)} were eligible and {self.at_most} allowed")
        problem = _passed_over(evidence, ids, eligible)
        return failed(problem) if problem else passed(f"{len(ids)} claimed of {len(eligible)}, the oldest")


def _passed_over(evidence: Evidence, claimed: set[UnitId], eligible: set[UnitId]) -> str | None:
    """Describes an older eligible unit that the execution did not claim, if there is one."""
    newest = max((evidence.units[unit] for unit in claimed), key=_since)
    for unit in (evidence.units[unit] for unit in in_order(eligible - claimed)):
        if _since(unit) < _since(newest):
            return f"{UNIT} {unit.id} was passed over, though it was completed before {UNIT} {newest.id}"
    return None


def _since(unit: Unit) -> str:
    return unit.since.isoformat() if unit.since else ""
