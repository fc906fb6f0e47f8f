"""text: what the messages say."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import RootModel

from cronproof.checks.check import Check
from cronproof.checks.named_units import WordsField
from cronproof.domain.work import NamedUnits, UnitId, Work
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.redaction import masked


class Text(RootModel[WordsField], Check):
    """Every message to a unit's recipient contains the words listed under the unit's id."""

    id: ClassVar[str] = "text"

    @property
    def units(self) -> NamedUnits:
        """The units that are named."""
        named: Mapping[Any, Any] = self.root
        return {name: list(words) for name, words in named.items()} if self._is_by_work else list(named)

    @property
    def _is_by_work(self) -> bool:
        return any(isinstance(words, dict) for words in self.root.values())

    def _words_of(self, work: Work) -> Mapping[UnitId, Sequence[str]]:
        named: Mapping[Any, Any] = self.root
        words: Mapping[UnitId, Sequence[str]] = named.get(work.name, {}) if self._is_by_work else named
        return words

    def examine(self, evidence: Evidence) -> Finding:
        """Looks for each unit's words in the accepted messages that it is owed."""
        seen = 0
        for work in evidence.works:
            words = self._words_of(work)
            for unit in evidence.choose(work, self.units):
                for sent in evidence.accepted:
                    if unit not in evidence.units_for(work, sent):
                        continue
                    seen += 1
                    missing = [word for word in words[unit] if word not in sent.message.content]
                    if missing:
                        return failed(
                            f"{work.unit} {unit}: {masked(sent.message.to)} got {sent}, without {missing[0]!r}"
                        )
        return (
            passed(f"{seen} messages contain the expected words")
            if seen
            else inconclusive("no message was accepted, so no text could be checked")
        )
