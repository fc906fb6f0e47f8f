"""no-loss: after enough fault-free calls, every eligible unit's message was accepted."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
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
        list[UnitId] | None,
        Field(min_length=1, description="The units that must get a message, by id; by default those that were due."),
    ] = None

    def examine(self, evidence: Evidence) -> Finding:
        """Matches each unit with an accepted message that it is owed. None is matched twice."""
        asked = [(work, evidence.choose(work, self.units)) for work in evidence.works if work.message is not None]
        if not any(units for _, units in asked):
            return inconclusive(f"no {evidence.word} was due, so none could be lost")
        unreachable = [
            (work, unit)
            for work, units in asked
            for unit in units
            if None in evidence.units[work.name][unit].match.values()
        ]
        if unreachable:
            work, _ = unreachable[0]
            units = [unit for other, unit in unreachable if other == work]
            return inconclusive(f"{name_units(work.unit, units)}: no recipient, so no message can be expected")
        for work, units in asked:
            lost, arrived = (
                [],
                [sent for sent in evidence.messages_for(work, evidence.accepted) if evidence.is_in_own_name(sent)],
            )
            for unit in units:
                mine = next((sent for sent in arrived if unit in evidence.units_for(work, sent)), None)
                if mine is None:
                    lost.append(unit)
                else:
                    arrived.remove(mine)
            if lost:
                return failed(self._describe(evidence, work, lost))
        named = "; ".join(name_units(work.unit, units) for work, units in asked if units)
        return passed(f"{named}: message accepted")

    def _describe(self, evidence: Evidence, work: Work, lost: Sequence[UnitId]) -> str:
        tried = [sent for sent in evidence.sent if not set(lost).isdisjoint(evidence.units_for(work, sent))]
        refused = f" ({len(tried)} tried, the last answered {tried[-1].message.status})" if tried else " (none tried)"
        return f"{name_units(work.unit, lost)}: no message was accepted, though the cron ran until nothing changed{refused}"
