"""batch-limit: as many rows as asked for and never more, the oldest first, and their messages in that order."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check, Finding, failed, inconclusive, passed
from cronproof.evidence.evidence import Job, JobId, Run, in_order
from cronproof.strict_model import Parameters


class BatchLimit(Parameters, Check):
    """One call claims at most this many jobs, the ones completed first, and sends in that order. Called alone, it claims as
    many as it may.
    """

    id: ClassVar[str] = "batch-limit"
    needs_recovery: ClassVar[bool] = True
    asks_for_more: ClassVar[bool] = True
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
        if len(run.instances) == 1 and len(ids) < self.at_most:
            return failed(f"{len(ids)} were claimed, though {len(eligible)} were eligible and {self.at_most} allowed")
        problem = _passed_over(run, ids, eligible) or _out_of_order(run)
        return failed(problem) if problem else passed(f"{len(ids)} claimed of {len(eligible)}, the oldest")


def _passed_over(run: Run, claimed: set[JobId], eligible: set[JobId]) -> str | None:
    """An older job that only a later call took, if there is one."""
    newest = max((run.jobs[job] for job in claimed), key=_completed)
    for job in (run.jobs[job] for job in in_order(eligible - claimed)):
        if _completed(job) < _completed(newest):
            return f"job {job.id} was passed over, though it was completed before job {newest.id}"
    return None


def _out_of_order(run: Run) -> str | None:
    """An instance's message that came behind that of a job which was completed later, if there is one."""
    newest: dict[str, Job] = {}
    for sent in run.accepted:
        jobs = run.jobs_of(sent.message.to)
        if sent.recovering or len(jobs) != 1:
            continue
        before = newest.setdefault(sent.message.instance, jobs[0])
        if _completed(jobs[0]) < _completed(before):
            return f"job {jobs[0].id} was messaged after job {before.id}, though it was completed before"
        newest[sent.message.instance] = jobs[0]
    return None


def _completed(job: Job) -> str:
    return job.completed_at.isoformat() if job.completed_at else ""
