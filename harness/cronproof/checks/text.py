"""text: what the messages say."""

from typing import Annotated, ClassVar

from pydantic import Field, RootModel

from cronproof.checks.check import Check
from cronproof.domain.work import UnitId
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.redaction import masked


class Text(RootModel[Annotated[dict[UnitId, list[str]], Field(min_length=1)]], Check):
    """Every message to a unit's recipient contains the words listed under the unit's id."""

    id: ClassVar[str] = "text"

    @property
    def units(self) -> list[UnitId]:
        """The units that are named."""
        return list(self.root)

    def examine(self, evidence: Evidence) -> Finding:
        """Looks for each unit's words in the accepted messages that it is owed."""
        seen = 0
        for unit, words in self.root.items():
            for work in (work for work in evidence.works if unit in evidence.units.get(work.name, ())):
                for sent in evidence.accepted:
                    if unit not in evidence.units_for(work, sent):
                        continue
                    seen += 1
                    missing = [word for word in words if word not in sent.message.content]
                    if missing:
                        return failed(
                            f"{work.unit} {unit}: {masked(sent.message.to)} got {sent}, without {missing[0]!r}"
                        )
        return (
            passed(f"{seen} messages contain the expected words")
            if seen
            else inconclusive("no message was accepted, so no text could be checked")
        )
