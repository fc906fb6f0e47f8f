"""no-loss: after enough fault-free calls, every eligible unit's message was accepted."""

from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.domain.work import UnitId, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class NoLoss(StrictModel, Check):
    """Each unit's message is accepted, at the latest in the fault-free calls of the recovery."""

    id: ClassVar[str] = "no-loss"
    needs_recovery: ClassVar[bool] = True
    may_change_in_recovery: ClassVar[bool] = True
    is_about_units: ClassVar[bool] = True
    units: Annotated[list[UnitId], Field(min_length=1, description="The units that must get a message, by id.")]

    def examine(self, evidence: Evidence) -> Finding:
        """Matches each unit with an accepted message to its recipient. None is matched twice."""
        unreachable = [unit for unit in self.units if evidence.units[unit].recipient is None]
        if unreachable:
            return inconclusive(f"{name_units(unreachable)}: no phone number, so no message can be expected")
        lost = []
        for purpose in evidence.purposes:
            arrived = [
                sent.message.to
                for sent in evidence.accepted
                if sent.purpose == purpose and evidence.is_in_own_name(sent)
            ]
            for unit in self.units:
                recipient = evidence.units[unit].recipient
                if recipient in arrived:
                    arrived.remove(recipient)
                else:
                    lost.append(unit)
        if not lost:
            return passed(f"{name_units(self.units)}: message accepted")
        tried = [sent for sent in evidence.sent if sent.message.to in {evidence.units[unit].recipient for unit in lost}]
        refused = f" ({len(tried)} tried, the last answered {tried[-1].message.status})" if tried else " (none tried)"
        return failed(
            f"{name_units(lost)}: no message was accepted, though the cron ran until nothing changed{refused}"
        )
