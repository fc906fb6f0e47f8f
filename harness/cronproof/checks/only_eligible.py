"""only-eligible: only eligible units get a message, and the rows of others do not change."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.checks.named_units import UnitsField
from cronproof.domain.work import UnitId, Work, in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class OnlyEligible(StrictModel, Check):
    """Only the recipients of these units get a message, each in the name of its own owner. The
    rows of other units do not change.
    """

    id: ClassVar[str] = "only-eligible"
    units: Annotated[
        UnitsField | None,
        Field(description="The units that may get a message, by id; by default those that were due."),
    ] = None
    skipped: Annotated[UnitsField | None, Field(description="Units that may be decided, but not messaged.")] = None

    def examine(self, evidence: Evidence) -> Finding:
        """Checks who got a message, then the rows of all other units."""
        if ambiguous := evidence.find_ambiguous(self.skipped or ()):
            return inconclusive(ambiguous)
        if problem := self._wrong_message(evidence) or self._wrong_row(evidence):
            unmatched = evidence.find_unmatched()
            return failed(problem) if unmatched is None else inconclusive(unmatched)
        outside = [(work, units) for work in _of_tables(evidence.works) if (units := self._outside(evidence, work))]
        if outside:
            return passed("; ".join(f"{name_units(work.unit, in_order(units))} untouched" for work, units in outside))
        if not evidence.accepted:
            return inconclusive(f"no message was accepted, and the scenario has no other {evidence.any_unit}")
        return passed("no message to anybody else")

    def _wrong_message(self, evidence: Evidence) -> str | None:
        eligible = {work.name: set(evidence.choose(work, self.units)) for work in evidence.works}
        for sent in evidence.accepted:
            to = masked(sent.message.to)
            owed = {work.name: evidence.units_for(work, sent) for work in evidence.works}
            if all(eligible[name].isdisjoint(units) for name, units in owed.items()):
                wrong = next(((work, owed[work.name][0]) for work in evidence.works if owed[work.name]), None)
                if wrong is None:
                    return f"no {evidence.any_unit} of the scenario is owed it, but {to} got {sent}"
                return f"{wrong[0].unit} {wrong[1]} is not eligible, but {to} got {sent}"
            if not evidence.is_in_own_name(sent):
                word = evidence.application.owners.word if evidence.application.owners else "owner"
                return f"{to} got {sent}, with the key or from the number of another {word}"
        return None

    def _outside(self, evidence: Evidence, work: Work) -> set[UnitId]:
        """Returns the units of a work's table that no cron may touch."""
        works = [one for one in evidence.works if one.table == work.table]
        touched = {
            unit for one in works for named in (self.units, self.skipped or ()) for unit in evidence.choose(one, named)
        }
        return set(evidence.units.get(work.name, ())) - touched

    def _wrong_row(self, evidence: Evidence) -> str | None:
        for work in _of_tables(evidence.works):
            outside = self._outside(evidence, work)
            before = work.rows_by_id(evidence.before)
            after = work.rows_by_id(evidence.recovered or evidence.after)
            if gone := in_order(outside - after.keys()):
                return f"{name_units(work.unit, gone)}: not eligible, but deleted"
            for unit, row in after.items():
                if unit in outside and row != before[unit]:
                    changed = ", ".join(column for column in row if row[column] != before[unit][column])
                    return f"{work.unit} {unit} is not eligible, but its row was changed ({changed})"
        return None


def _of_tables(works: Sequence[Work]) -> list[Work]:
    """Returns one work for each table."""
    return list({work.table: work for work in reversed(works)}.values())
