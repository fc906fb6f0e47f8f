"""no-loss: after enough fault-free runs, every eligible job has its accepted message."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check, Finding, failed, inconclusive, named, passed
from cronproof.evidence.evidence import JobId, Run
from cronproof.strict_model import Parameters


class NoLoss(Parameters, Check):
    """Each of these jobs has its message once the cron has run again, without faults, until nothing changes."""

    id: ClassVar[str] = "no-loss"
    needs_recovery: ClassVar[bool] = True
    asks_for_more: ClassVar[bool] = True
    of_jobs: ClassVar[bool] = True
    jobs: Annotated[list[JobId], Field(min_length=1, description="The jobs that must get a message, by id.")]

    def examine(self, run: Run) -> Finding:
        """Looks for the messages to each job's number; jobs that share one need as many."""
        unreachable = [job for job in self.jobs if run.jobs[job].phone is None]
        if unreachable:
            return inconclusive(f"{named(unreachable)}: no phone number, so no message can be expected")
        lost = []
        for purpose in run.purposes:
            arrived = [sent.message.to for sent in run.accepted if sent.purpose == purpose]
            for job_id in self.jobs:
                phone = run.jobs[job_id].phone
                if phone in arrived:
                    arrived.remove(phone)
                else:
                    lost.append(job_id)
        if not lost:
            return passed(f"{named(self.jobs)}: message accepted")
        tried = [sent for sent in run.sent if sent.message.to in {run.jobs[job].phone for job in lost}]
        refused = f" ({len(tried)} tried, the last answered {tried[-1].message.status})" if tried else " (none tried)"
        return failed(f"{named(lost)}: no message was accepted, though the cron ran until nothing changed{refused}")
