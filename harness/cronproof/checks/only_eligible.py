"""only-eligible: nobody outside the rule gets a message, and rows outside it stay untouched."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check, Finding, failed, named, passed
from cronproof.evidence.evidence import JobId, Run, in_order
from cronproof.redaction import masked
from cronproof.strict_model import Parameters


class OnlyEligible(Parameters, Check):
    """Only these jobs' customers get a message; the rows of all other jobs, other tenants' too, are untouched."""

    id: ClassVar[str] = "only-eligible"
    jobs: Annotated[list[JobId], Field(description="The jobs that may get a message, by id.")]
    skipped: Annotated[list[JobId], Field(description="Jobs that may be decided, but not messaged.")] = []

    def examine(self, run: Run) -> Finding:
        """Looks at who got a message, then at the rows of everybody else."""
        eligible = {run.jobs[job].phone for job in self.jobs}
        for sent in run.accepted:
            if sent.message.to not in eligible:
                jobs = run.jobs_of(sent.message.to)
                whose = f"job {jobs[0].id}" if jobs else "no job of the scenario"
                return failed(f"{whose} is not eligible, but {masked(sent.message.to)} got {sent}")
        outside = set(run.jobs) - set(self.jobs) - set(self.skipped)
        before = {row["id"]: row for row in run.before.get("jobs", [])}
        rows = run.recovered.get("jobs") if run.recovered else run.after.get("jobs")
        gone = in_order(outside - {row["id"] for row in rows or []})
        if gone:
            return failed(f"{named(gone)}: not eligible, but deleted")
        for row in rows or []:
            if row["id"] in outside and row != before[row["id"]]:
                changed = ", ".join(column for column in row if row[column] != before[row["id"]][column])
                return failed(f"job {row['id']} is not eligible, but its row was changed ({changed})")
        return passed(f"{named(in_order(outside))} untouched" if outside else "no message to anybody else")
