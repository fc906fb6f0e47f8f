"""no-loss: after enough fault-free calls, every eligible unit's message was accepted."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.checks.named_units import UnitsField
from cronproof.domain.work import UnitId, Work, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class NoLoss(StrictModel, Check):
    """Each unit's message is accepted, at the latest in the fault-free calls of the recovery."""

    id: ClassVar[str] = "no-loss"
    needs_recovery: ClassVar[bool] = True
    may_change_in_recovery: ClassVar[bool] = True
    is_about_units: ClassVar[bool] = True
    units: Annotated[
        UnitsField | None,
        Field(min_length=1, description="The units that must get a message, by id; by default those that were due."),
    ] = None

    def examine(self, evidence: Evidence) -> Finding:
        """Matches each unit with an accepted message that it is owed. None is matched twice."""
        works = [work for work in evidence.works if work.message is not None]
        asked = [(work, unit) for work in works for unit in evidence.choose(work, self.units)]
        if unknown := evidence.find_unknown(self.units or ()):
            return inconclusive(unknown)
        if not asked:
            return inconclusive(f"no {evidence.any_unit} was due, so none could be lost")
        if unreachable := [(work, unit) for work, unit in asked if not evidence.units[work.name][unit].is_owed_message]:
            work, _ = unreachable[0]
            units = [unit for other, unit in unreachable if other == work]
            return inconclusive(f"{name_units(work.unit, units)}: no recipient, so no message can be expected")
        arrived = [sent for sent in evidence.accepted if evidence.is_in_own_name(sent)]
        assigned = evidence.assign(arrived, asked)
        for work in works:
            if lost := [unit for other, unit in asked if other == work and (work, unit) not in assigned]:
                return failed(self._describe(evidence, work, lost))
        named = "; ".join(
            name_units(work.unit, units)
            for work in works
            if (units := [unit for other, unit in asked if other == work])
        )
        return passed(f"{named}: message accepted")

    def _describe(self, evidence: Evidence, work: Work, lost: Sequence[UnitId]) -> str:
        tried = [sent for sent in evidence.sent if not set(lost).isdisjoint(evidence.units_for(work, sent))]
        strays = evidence.find_strays(work)
        hint = f"; {strays[0]} fits no unit: is `match` of [work.{work.name}.message] right?" if strays else ""
        refused = (
            f" ({len(tried)} tried, the last answered {tried[-1].message.status})" if tried else f" (none tried{hint})"
        )
        return f"{name_units(work.unit, lost)}: no message was accepted, though the cron ran until nothing changed{refused}"
