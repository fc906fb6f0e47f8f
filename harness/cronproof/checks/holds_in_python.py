"""holds, where a test in Python says what: a function over a connection."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import psycopg

from cronproof.checks.check import Check, Query
from cronproof.checks.holds import show_rows
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed

Violations = Sequence[Mapping[str, Any]] | None
Invariant = Callable[[psycopg.Connection[Any]], Violations]
"""Looks at the database, which it cannot change. It returns the violations as rows, or asserts."""


class HoldsInPython(Check):
    """A function finds nothing wrong after the execution."""

    id: ClassVar[str] = "holds"
    may_repeat: ClassVar[bool] = True

    def __init__(self, invariant: Invariant) -> None:
        """Takes the function, whose name says what holds."""
        self._invariant = invariant
        self._name = getattr(invariant, "__name__", "it holds").replace("_", " ")

    @property
    def queries(self) -> list[Query]:
        """The function, which is asked as a query is."""
        return [self._invariant]

    def examine(self, evidence: Evidence) -> Finding:
        """Fails if the function has found violations, and shows the first ones."""
        rows = evidence.answers[self._invariant]
        return failed(f"violated: {self._name}: {show_rows(rows)}") if rows else passed(self._name)
