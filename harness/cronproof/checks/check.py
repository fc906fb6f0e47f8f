"""The base of all checks. A check has parameters from the scenario file and examines evidence."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, ClassVar

from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, inconclusive
from cronproof.evidence.message_outcome import MessageOutcome

Query = str | Callable[[Any], Any]
"""A query in SQL, or a function over a connection that returns rows."""


class Check(ABC):
    """A property that must hold in every execution of a scenario."""

    id: ClassVar[str]
    needs_only_database: ClassVar[bool] = False
    """Whether it examines the database alone, so that no cron needs to be called."""
    needs_recovery: ClassVar[bool] = False
    """Whether it needs a recovery: the crons are called again until nothing changes."""
    may_change_in_recovery: ClassVar[bool] = False
    """Whether a longer recovery could undo a failure: a missing message may still be sent."""
    counts_attempts: ClassVar[bool] = False
    """Whether it counts attempts: then the recovery goes on while messages are tried in vain, and refuses what a scenario
    refuses without an end until nobody tries it.
    """
    needs_several_instances: ClassVar[bool] = False
    """Whether it is about instances that wait for each other. A single one has nobody to wait for."""
    depends_on_query_plan: ClassVar[bool] = False
    """Whether what it examines can depend on the plan that the database chooses for a statement."""
    is_about_refused_hosts: ClassVar[bool] = False
    """Whether it judges calls to hosts that were refused. No other check proves anything then."""
    judges_answers: ClassVar[bool] = False
    """Whether it judges what the crons answer, so that an error may be what is expected."""
    may_repeat: ClassVar[bool] = False
    """Whether a scenario may ask for it several times."""
    is_about_units: ClassVar[bool] = False
    """Whether it is about units of work and their claims, which only some crons have."""

    @property
    def tables(self) -> list[str]:
        """The tables that it examines, besides those for which the scenario gives rows."""
        return []

    @property
    def named_faults(self) -> Iterable[tuple[Sequence[str | int], str]]:
        """The faults that its parameters name, each with the keys that lead to it."""
        return ()

    @property
    def named_columns(self) -> Iterable[tuple[Sequence[str | int], str, Collection[str]]]:
        """The columns that its parameters name: the keys that lead to their table, the table, and the columns."""
        return ()

    @property
    def queries(self) -> list[Query]:
        """The queries whose rows it examines."""
        return []

    @property
    def invariants(self) -> list[str]:
        """The queries that must find no row after any commit."""
        return []

    @abstractmethod
    def examine(self, evidence: Evidence) -> Finding:
        """Decides whether the property held in this execution."""

    def anomalies(self, evidence: Evidence) -> Sequence[str]:  # noqa: ARG002  (most count nothing)
        """Returns each kind of anomaly in the evidence once, known limits included."""
        return ()

    def message_outcomes(self, evidence: Evidence) -> Sequence[MessageOutcome]:  # noqa: ARG002  (as above)
        """Returns the outcomes of the messages that the check counts."""
        return ()

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:  # noqa: ARG002
        """Returns a finding about all executions together, if any. Called if the verdict is PASS.

        `findings` are this check's, one for each piece of evidence.
        """
        if self.needs_several_instances and len(evidence[0].instances) < 2:
            return inconclusive("a single instance has nobody to wait for")
        return None


def as_list(value: object) -> object:
    """Wraps a single word in a list, and returns anything else unchanged."""
    return [value] if isinstance(value, str) else value
