"""claims-agree: a unit of work is done if and only if its message was accepted."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.checks.named_units import UnitsField
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
        UnitsField | None,
        Field(
            description="Units that are decided without a message (booked again, no phone): claimed, and no message."
        ),
    ] = None

    def examine(self, evidence: Evidence) -> Finding:
        """Compares units and messages after the execution, and again after any recovery. Under faults, after the recovery
        alone: nobody can mark at once what was sent when the answer is lost.
        """
        if not any(evidence.units.get(work.name) for work in evidence.application.works):
            return inconclusive(f"there is no {evidence.any_unit} that could be claimed, so no claim was looked at")
        if ambiguous := evidence.find_ambiguous(self.skipped or ()):
            return inconclusive(ambiguous)
        during = [sent for sent in evidence.accepted if not sent.recovering]
        has_recovery, disagreement = bool(evidence.units_recovered), None
        if not (has_recovery and evidence.injected_faults):
            disagreement = self._disagreement(evidence, during, recovered=False)
        if disagreement is None and has_recovery:
            disagreement = self._disagreement(evidence, evidence.accepted, recovered=True)
        if disagreement is not None and (unmatched := evidence.find_unmatched()):
            return inconclusive(unmatched)
        return failed(disagreement) if disagreement else passed("set exactly where a message was accepted")

    def _disagreement(self, evidence: Evidence, accepted: Sequence[SentMessage], *, recovered: bool) -> str | None:
        is_last = recovered or not evidence.units_recovered
        removing = {work.table for work in evidence.works if work.removes}
        states = {
            (work, unit): state
            for work in evidence.application.works
            if work.message is not None
            for unit in evidence.units[work.name]
            for state in [evidence.state_of(work, unit, recovered=recovered)]
            # Another work of the same table has lost the unit, rightly.
            if state is not None or work.removes or work.table not in removing
        }
        done = {one for one, state in states.items() if (one[0].removes if state is None else state.done)}
        owed = [one for one in states if not evidence.units[one[0].name][one[1]].done]
        # If units are owed messages that look alike, these are attributed to units that are done first, and to those
        # that are to have none last.
        skipped = {(work, unit) for work in evidence.works for unit in evidence.choose(work, self.skipped or ())}
        messaged = evidence.assign(accepted, sorted(owed, key=lambda one: (one in skipped, one not in done)))
        for work in dict.fromkeys(work for work, _ in states):
            gone = in_order(unit for (of, unit), state in states.items() if of == work and state is None)
            if gone and not work.removes:
                return f"{name_units(work.unit, gone)}: deleted"
        for one in sorted(states, key=lambda one: one not in done):
            work, unit = one
            before = evidence.units[work.name][unit]
            decided = one in skipped and (is_last or one in done or one in messaged)  # else a later call may decide it
            problem = _problem(before, work, is_done=one in done, messaged=one in messaged, decided=decided)
            if problem:
                return f"{work.unit} {unit} {problem}"
            if before.done and states[one] is not None and (column := _changed(evidence, *one, recovered=recovered)):
                return f"{work.unit} {unit} was {_word(work)} before ({work.name}), and its {column} has changed"
        return None


def _word(work: Work) -> str:
    return "claimed" if work.done is None else "done"


def _problem(before: Unit, work: Work, *, is_done: bool, messaged: bool, decided: bool) -> str | None:
    word = f"{_word(work)} ({work.name})"
    if before.done:
        return None if is_done else f"was {word} before, and is no more"
    if messaged and decided:
        return "was to be decided without a message, and got one"
    if (messaged or decided) and not is_done:
        return f"is not {word}, though {'its message was accepted' if messaged else f'the {work.unit} was decided'}"
    if is_done and not (messaged or decided):
        return f"is {word}, though no message was accepted"
    return None


def _changed(evidence: Evidence, work: Work, unit: UnitId, *, recovered: bool) -> str | None:
    """Returns the first column that has changed of those that tell whether a unit is claimed or done."""
    after = evidence.recovered if recovered and evidence.recovered else evidence.after
    before, now = (work.rows_by_id(rows).get(unit, {}) for rows in (evidence.before, after))
    return next((column for column in work.columns if before.get(column) != now.get(column)), None)
