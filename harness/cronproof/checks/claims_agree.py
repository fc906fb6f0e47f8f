"""claims-agree: a unit of work is done if and only if its message was accepted."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.domain.message import SentMessage
from cronproof.domain.work import Unit, UnitId, Work, in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class ClaimsAgree(StrictModel, Check):
    """A unit is done (claimed, where nothing more is declared) if and only if its message was accepted. What was done
    before does not change.
    """

    id: ClassVar[str] = "claims-agree"
    is_about_units: ClassVar[bool] = True
    skipped: Annotated[
        list[UnitId],
        Field(
            description="Units that are decided without a message (booked again, no phone): claimed, and no message."
        ),
    ] = []

    def examine(self, evidence: Evidence) -> Finding:
        """Compares units and messages after the execution, and again after the recovery."""
        if not any(evidence.units.get(work.name) for work in evidence.application.works):
            return inconclusive(f"there is no {evidence.word} that could be claimed, so no claim was looked at")
        during = [sent for sent in evidence.accepted if not sent.recovering]
        disagreement = self._disagreement(evidence, during, recovered=False)
        if disagreement is None and evidence.units_recovered:
            disagreement = self._disagreement(evidence, evidence.accepted, recovered=True)
        return failed(disagreement) if disagreement else passed("set exactly where a message was accepted")

    def _disagreement(self, evidence: Evidence, accepted: Sequence[SentMessage], *, recovered: bool) -> str | None:
        for work in evidence.application.works:
            if work.message is None:
                continue
            messages = evidence.messages_for(work, accepted)
            now = {unit: evidence.state_of(work, unit, recovered=recovered) for unit in evidence.units[work.name]}
            gone = in_order(unit for unit, state in now.items() if state is None)
            if gone and not work.removes:
                return f"{name_units(work.unit, gone)}: deleted"
            # If units are owed messages that look alike, these are attributed to units that are done first.
            for unit, state in sorted(now.items(), key=lambda item: not (item[1] is None or item[1].done)):
                before, is_done = evidence.units[work.name][unit], state is None or state.done
                mine = next((sent for sent in messages if unit in evidence.units_for(work, sent)), None)
                was_messaged = not before.done and mine is not None
                if was_messaged and mine is not None:
                    messages.remove(mine)
                was_decided = unit in self.skipped and work in evidence.works
                if problem := _problem(before, work, is_done=is_done, messaged=was_messaged, decided=was_decided):
                    return f"{work.unit} {unit} {problem}"
                if (
                    before.done
                    and state is not None
                    and (column := _changed(evidence, work, unit, recovered=recovered))
                ):
                    return f"{work.unit} {unit} was {_word(work)} before ({work.name}), and its {column} has changed"
        return None


def _word(work: Work) -> str:
    return "claimed" if work.done is None else "done"


def _problem(before: Unit, work: Work, *, is_done: bool, messaged: bool, decided: bool) -> str | None:
    word = f"{_word(work)} ({work.name})"
    if before.done:
        return None if is_done else f"was {word} before, and is no more"
    if (messaged or decided) and not is_done:
        return f"is not {word}, though {'its message was accepted' if messaged else f'the {work.unit} was decided'}"
    if is_done and not (messaged or decided):
        return f"is {word}, though no message was accepted"
    return None


def _changed(evidence: Evidence, work: Work, unit: UnitId, *, recovered: bool) -> str | None:
    """Returns the first column that has changed of those that tell whether a unit is claimed or done."""
    after = evidence.recovered if recovered and evidence.recovered else evidence.after
    (before, now) = (
        next((row for row in rows.get(work.table, ()) if work.id_of(row) == unit), {})
        for rows in (evidence.before, after)
    )
    return next((column for column in work.columns if before.get(column) != now.get(column)), None)
