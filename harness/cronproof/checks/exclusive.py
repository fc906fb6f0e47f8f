"""exclusive: no row is claimed by two instances."""

from __future__ import annotations

from typing import ClassVar

from cronproof.checks.check import Check, Finding, failed, inconclusive, passed
from cronproof.evidence.evidence import JobId, Run
from cronproof.strict_model import Parameters


class Exclusive(Parameters, Check):
    """No job is claimed by two instances: once one has set its *_sent_at, no other sets it, unless it was cleared."""

    id: ClassVar[str] = "exclusive"
    of_jobs: ClassVar[bool] = True

    def examine(self, run: Run) -> Finding:
        """Follows the writes of each mark in their order."""
        if not any(mark.is_set for mark in run.marks):
            return inconclusive("no instance claimed anything: no expected job was eligible")
        holders: dict[tuple[JobId, str], str] = {}
        for mark in run.marks:
            job_mark = (mark.job_id, mark.sent_column)
            holder = holders.get(job_mark)
            if not mark.is_set:
                holders.pop(job_mark, None)
            elif holder not in (None, mark.instance):
                return failed(f"job {mark.job_id} was claimed by {holder} and by {mark.instance} ({mark.sent_column})")
            else:
                holders[job_mark] = mark.instance
        return passed("every claimed job by one instance only")
