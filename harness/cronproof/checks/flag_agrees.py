"""flag-agrees: `*_sent_at` is set exactly where a message was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from cronproof.checks.check import Check, Finding, failed, named, passed
from cronproof.domain.crons import SENT_COLUMNS
from cronproof.evidence.evidence import JobId, Run, Sent, in_order
from cronproof.postgres.database import Rows
from cronproof.strict_model import Parameters


class FlagAgrees(Parameters, Check):
    """A job's *_sent_at is set exactly where its message was accepted; all other *_sent_at stay as they were."""

    id: ClassVar[str] = "flag-agrees"
    of_jobs: ClassVar[bool] = True
    skipped: Annotated[
        list[JobId],
        Field(description="Jobs that are decided without a message (booked again, no phone): set, and no message."),
    ] = []

    def examine(self, run: Run) -> Finding:
        """Compares rows and messages after the run itself, and again after the recovery."""
        during = [sent for sent in run.accepted if not sent.recovering]
        disagreement = self._disagreement(run, run.after, during)
        if disagreement is None and run.recovered:
            disagreement = self._disagreement(run, run.recovered, run.accepted)
        return failed(disagreement) if disagreement else passed("set exactly where a message was accepted")

    def _disagreement(self, run: Run, rows: Rows, accepted: Sequence[Sent]) -> str | None:
        before = {row["id"]: row for row in run.before.get("jobs", [])}
        gone = in_order(before.keys() - {row["id"] for row in rows.get("jobs", [])})
        if gone:
            return f"{named(gone)}: deleted"
        for column in sorted(set(SENT_COLUMNS.values())):
            messages = [sent.message.to for sent in accepted if sent.purpose == column]
            # Of the jobs that share a number, those that were marked come first: theirs the messages can have been.
            for row in sorted(rows.get("jobs", []), key=lambda row: row.get(column) is None):
                job = run.jobs.get(row["id"])
                if job is None or column not in row:
                    continue
                told = before[job.id][column] is None and job.phone in messages
                if told and job.phone is not None:
                    messages.remove(job.phone)
                expected = told or (job.id in self.skipped and column in run.purposes)
                problem = _problem(before[job.id][column], row[column], expected=expected, told=told)
                if problem:
                    return f"job {job.id}: {column} {problem}"
        return None


def _problem(before: Any, now: Any, *, expected: bool, told: bool) -> str | None:
    if before is not None:
        return None if now == before else f"was {before} and became {now or 'NULL'}"
    if expected and now is None:
        return "is NULL, though its message was accepted" if told else "is NULL, though the job was decided"
    if not expected and now is not None:
        return "is set, though no message was accepted"
    return None
