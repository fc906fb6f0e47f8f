"""no-duplicate: a customer gets at most one accepted message for each job and purpose."""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

from cronproof.checks.check import Check, Finding, failed, inconclusive, named, passed
from cronproof.domain.crons import SENT_COLUMNS
from cronproof.evidence.evidence import Run, Sent, in_order
from cronproof.redaction import masked
from cronproof.strict_model import Parameters


class NoDuplicate(Parameters, Check):
    """No customer gets two accepted messages for one job and purpose, the runs of the recovery included.

    Where a cron keeps no mark of its own, nobody gets the same text from it twice.
    """

    id: ClassVar[str] = "no-duplicate"
    needs_recovery: ClassVar[bool] = True

    def examine(self, run: Run) -> Finding:
        """Counts what each recipient got for a purpose against the jobs there that were marked for it."""
        if not run.delivered:
            return inconclusive("no message was accepted: none could come twice")
        received: dict[tuple[str, str, str], list[Sent]] = defaultdict(list)
        for sent in run.delivered:
            text = "" if sent.cron in SENT_COLUMNS else sent.message.content
            received[sent.message.to, sent.purpose, text].append(sent)
        for (to, purpose, _), messages in received.items():
            jobs = [job.id for job in run.jobs_of(to)]
            marked = run.marked(purpose).intersection(jobs)
            if len(messages) > max(len(marked), 1):
                what = f"{named(in_order(marked) or jobs)}: " if jobs else ""
                return failed(f"{what}{masked(to)} got {len(messages)} messages: {' and '.join(map(str, messages))}")
        return passed(f"{len(run.delivered)} accepted, none twice")
