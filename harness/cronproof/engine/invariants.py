"""Invariants: queries that are asked after every commit while the instances run, and must find no row."""

from collections.abc import Collection, Sequence

import psycopg

from cronproof.evidence.evidence import Violation
from cronproof.gate.footprint import INVARIANTS
from cronproof.gate.trace import Step
from cronproof.postgres.database import Database


class Invariants:
    """The invariants of one execution, and what has violated them."""

    def __init__(self, database: Database, queries: Sequence[str]) -> None:
        """Asks nothing yet."""
        self._database = database
        self._queries = queries
        self.violations: dict[str, Violation] = {}
        """The first violation of each, by query."""

    async def find_read(self) -> Collection[str] | None:
        """Returns the tables that they read; None if they may read any."""
        read: set[str] = set()
        for query in self._queries:
            tables = await self._database.find_read(query)
            if tables is None:
                return None
            read.update(tables)
        return read

    async def look(self, step: Step) -> None:
        """Asks those that have held so far, unless the step has changed nothing that they could see."""
        if step.footprint.known and INVARIANTS not in step.footprint.accesses:
            return
        for query in self._queries:
            if query in self.violations:
                continue
            try:
                rows = await self._database.ask(query, waits=False)
            except psycopg.errors.LockNotAvailable:
                continue  # somebody has locked the whole table: nobody can see a violation now
            if rows:
                self.violations[query] = Violation(str(step), rows)
