"""batch-limit: never more rows than asked for, and the oldest first."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar

from pydantic import Field

from harness.checks.check import Check, Finding, Parameters, failed, inconclusive, passed
from harness.evidence import Job, Run, in_order


class BatchLimit(Parameters, Check):
    """One call claims at most this many jobs, the ones completed first."""

    id: ClassVar[str] = "batch-limit"
    needs_recovery: ClassVar[bool] = True
    of_jobs: ClassVar[bool] = True
    at_most: Annotated[int, Field(ge=1, description="How many jobs one call may claim.")]

    def examine(self, run: Run) -> Finding:
        """Counts the marks of each instance, then looks for an older job that only a later call took."""
        claimed = {(mark.instance, mark.job_id) for mark in run.marks if mark.is_set}
        if not claimed:
            return inconclusive("no instance claimed anything: no expected job was eligible")
        for instance, count in sorted(Counter(instance for instance, _ in claimed).items()):
            if count > self.at_most:
                return failed(f"{instance} claimed {count} jobs, {count - self.at_most} more than {self.at_most}")
        ids = {job for _, job in claimed}
        eligible = {job for column in run.purposes for job in run.marked(column)}
        if len(eligible) <= self.at_most:
            return inconclusive(f"{len(eligible)} eligible jobs cannot show a limit of {self.at_most}")
        newest = max((run.jobs[job] for job in ids), key=_completed)
        for job in (run.jobs[job] for job in in_order(eligible - ids)):
            if _completed(job) < _completed(newest):
                return failed(f"job {job.id} was passed over, though it was completed before job {newest.id}")
        return passed(f"{len(ids)} claimed of {len(eligible)}, the oldest")


def _completed(job: Job) -> str:
    return job.completed_at.isoformat() if job.completed_at else ""
