"""text: what the messages say."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, RootModel

from cronproof.checks.check import Check, Finding, failed, inconclusive, passed
from cronproof.evidence.evidence import JobId, Run
from cronproof.redaction import masked


class Text(RootModel[Annotated[dict[JobId, list[str]], Field(min_length=1)]], Check):
    """Every message to a job's number holds all of these words. By the job's id; jobs without messages do not matter."""

    id: ClassVar[str] = "text"

    @property
    def jobs(self) -> list[JobId]:
        """The jobs that are named."""
        return list(self.root)

    def examine(self, run: Run) -> Finding:
        """Looks through each accepted message."""
        seen = 0
        for job_id, words in self.root.items():
            phone = run.jobs[job_id].phone
            for sent in run.accepted:
                if sent.message.to == phone:
                    seen += 1
                    missing = [word for word in words if word not in sent.message.content]
                    if missing:
                        return failed(f"job {job_id}: {masked(phone)} got {sent}, without {missing[0]!r}")
        return (
            passed(f"{seen} say what they should")
            if seen
            else inconclusive("no message was accepted: none says anything")
        )
