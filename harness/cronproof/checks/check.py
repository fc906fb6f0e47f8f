"""What a check is: its parameters, as the scenario file gives them, and a question to the evidence of one execution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding
from cronproof.evidence.message_outcome import MessageOutcome


class Check(ABC):
    """A property that must hold in every execution of a scenario."""

    id: ClassVar[str]
    of_the_database: ClassVar[bool] = False
    """Whether it asks about the database alone, so that nothing needs to be called."""
    needs_recovery: ClassVar[bool] = False
    """Whether it also asks about what comes later, so that the crons are called again until nothing changes."""
    may_change_in_recovery: ClassVar[bool] = False
    """Whether a failure can disappear while the recovery goes on, since what is missing may still come."""
    of_units: ClassVar[bool] = False
    """Whether it asks about units of work and their claims, which only some crons have."""

    @property
    def tables(self) -> list[str]:
        """The tables that it looks at, besides those that the scenario gives rows to."""
        return []

    @abstractmethod
    def examine(self, evidence: Evidence) -> Finding:
        """Decides whether the property held in this execution."""

    def anomalies(self, evidence: Evidence) -> Sequence[str]:  # noqa: ARG002  (most count nothing)
        """The kinds of anomalies that the evidence shows, known limits included, each once."""
        return ()

    def message_outcomes(self, evidence: Evidence) -> Sequence[MessageOutcome]:  # noqa: ARG002  (as above)
        """What became of the messages that the check counts."""
        return ()

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:  # noqa: ARG002
        """What all executions show together, if that is more than what each shows. Asked when it held in all of them.

        `findings` are this check's, one for each piece of evidence.
        """
        return None


def as_list(value: object) -> object:
    """A list of one, where a file has a single word in place of a list."""
    return [value] if isinstance(value, str) else value
