"""batch-limit: a call claims at most so many units, the oldest ones."""

from collections import Counter
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.domain.work import UnitId, Work, in_order, several
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed, worst
from cronproof.strict_model import StrictModel


class BatchLimit(StrictModel, Check):
    """Each call claims at most `at_most` units of each work, the oldest ones, in whichever order it sends. A
    single instance must use the whole limit.
    """

    id: ClassVar[str] = "batch-limit"
    needs_recovery: ClassVar[bool] = True
    may_change_in_recovery: ClassVar[bool] = True
    depends_on_query_plan: ClassVar[bool] = True
    is_about_units: ClassVar[bool] = True
    at_most: Annotated[int, Field(ge=1, description="How many units of each work one call may claim.")]

    def examine(self, evidence: Evidence) -> Finding:
        """Checks the number of claims of each work, and that no older unit was passed over."""
        findings = [self._examine_work(evidence, work) for work in evidence.works]
        worst_verdict = worst([one.verdict for one in findings if one.verdict != "INCONCLUSIVE"])
        return next((one for one in findings if one.verdict == worst_verdict), findings[0])

    def _examine_work(self, evidence: Evidence, work: Work) -> Finding:
        claimed = {
            (write.instance, write.unit) for write in evidence.claim_writes if write.work == work.name and write.is_set
        }
        if not claimed:
            return inconclusive(f"no instance claimed any {work.unit}")
        words = several(work.unit)
        for instance, count in sorted(Counter(instance for instance, _ in claimed).items()):
            if count > self.at_most:
                return failed(f"{instance} claimed {count} {words}, {count - self.at_most} more than {self.at_most}")
        ids, eligible = {unit for _, unit in claimed}, evidence.claimed(work)
        if len(eligible) <= self.at_most:
            return inconclusive(f"{len(eligible)} eligible {words} cannot show a limit of {self.at_most}")
        if len(evidence.instances) == 1 and len(ids) < self.at_most:
            return failed(
                f"{len(ids)} of {len(eligible)} eligible {words} were claimed, and the limit is {self.at_most}"
            )
        problem = _find_passed_over(evidence, work, ids)
        return failed(problem) if problem else passed(f"{len(ids)} of {len(eligible)} {words} claimed, the oldest")


def _find_passed_over(evidence: Evidence, work: Work, claimed: set[UnitId]) -> str | None:
    """Describes an older eligible unit that the execution did not claim, if there is one."""
    units = evidence.units.get(work.name, {})
    known = [units[unit] for unit in claimed if unit in units and units[unit].since is not None]
    if work.since is None or not known:
        return None
    newest = max(known, key=lambda unit: unit.since)
    for unit in (units[unit] for unit in in_order(evidence.claimed(work) - claimed)):
        if unit.since is not None and unit.since < newest.since:
            return f"{work.unit} {unit.id} was passed over, though it was due before {work.unit} {newest.id}"
    return None
