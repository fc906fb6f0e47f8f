"""no-duplicate: a customer gets at most one accepted message for each job and purpose."""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

from harness.checks.check import Check, Finding, Parameters, failed, named, passed
from harness.evidence import Run, Sent, masked


class NoDuplicate(Parameters, Check):
    """No customer gets two accepted messages for one job and purpose, the runs of the recovery included."""

    id: ClassVar[str] = "no-duplicate"

    def examine(self, run: Run) -> Finding:
        """Counts the accepted messages to each number, against the jobs that are messaged there."""
        received: dict[tuple[str, str], list[Sent]] = defaultdict(list)
        for sent in run.accepted:
            received[sent.message.to, sent.purpose].append(sent)
        for (phone, _), messages in received.items():
            jobs = run.jobs_of(phone)
            if len(messages) > max(len(jobs), 1):
                what = named([job.id for job in jobs]) if jobs else "no job of the scenario"
                return failed(
                    f"{what}: {masked(phone)} got {len(messages)} messages: {' and '.join(map(str, messages))}"
                )
        return passed(f"{len(run.accepted)} accepted, none twice")
