"""claims-agree: a unit of work is claimed if and only if its message was accepted."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.domain.crons import SENT_COLUMNS
from cronproof.domain.message import SentMessage
from cronproof.domain.work import UNIT, UnitId, in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class ClaimsAgree(StrictModel, Check):
    """A unit is claimed if and only if its message was accepted. Older claims do not change."""

    id: ClassVar[str] = "claims-agree"
    is_about_units: ClassVar[bool] = True
    skipped: Annotated[
        list[UnitId],
        Field(
            description="Units that are decided without a message (booked again, no phone): claimed, and no message."
        ),
    ] = []

    def examine(self, evidence: Evidence) -> Finding:
        """Compares rows and messages after the execution, and again after the recovery."""
        if not any(column in row for row in evidence.unit_rows_before for column in SENT_COLUMNS.values()):
            return inconclusive(f"there is no {UNIT} with a claim column, so no claim was looked at")
        during = [sent for sent in evidence.accepted if not sent.recovering]
        disagreement = self._disagreement(evidence, evidence.unit_rows(), during)
        if disagreement is None and evidence.recovered:
            disagreement = self._disagreement(evidence, evidence.unit_rows(recovered=True), evidence.accepted)
        return failed(disagreement) if disagreement else passed("set exactly where a message was accepted")

    def _disagreement(
        self, evidence: Evidence, rows: Sequence[dict[str, Any]], accepted: Sequence[SentMessage]
    ) -> str | None:
        before = {row["id"]: row for row in evidence.unit_rows_before}
        gone = in_order(before.keys() - {row["id"] for row in rows})
        if gone:
            return f"{name_units(gone)}: deleted"
        for column in sorted(set(SENT_COLUMNS.values())):
            messages = [sent.message.to for sent in accepted if sent.purpose == column]
            # If units share a recipient, messages are attributed to claimed units first.
            for row in sorted(rows, key=lambda row: row.get(column) is None):
                unit = evidence.units.get(row["id"])
                if unit is None or column not in row:
                    continue
                was_messaged = before[unit.id][column] is None and unit.recipient in messages
                if was_messaged and unit.recipient is not None:
                    messages.remove(unit.recipient)
                expected = was_messaged or (unit.id in self.skipped and column in evidence.purposes)
                problem = _problem(before[unit.id][column], row[column], expected=expected, was_messaged=was_messaged)
                if problem:
                    return f"{UNIT} {unit.id}: {column} {problem}"
        return None


def _problem(before: Any, now: Any, *, expected: bool, was_messaged: bool) -> str | None:
    if before is not None:
        return None if now == before else f"was {before} and became {now or 'NULL'}"
    if expected and now is None:
        return "is NULL, though its message was accepted" if was_messaged else f"is NULL, though the {UNIT} was decided"
    if not expected and now is not None:
        return "is set, though no message was accepted"
    return None
