"""What a run came to for each message: the truth table, one line for a job and the fault that was met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.evidence import JobId, Met, Run, in_order
from harness.scenario.crons import purpose

Delivered = Literal["never", "once", "twice"]
"""How often a message was accepted; `twice` stands for more than twice, too."""
RowState = Literal["free", "claimed", "stuck"]
"""A job's row in the end: open to be claimed, claimed and messaged, or claimed and never messaged by anybody."""


@dataclass(frozen=True)
class Consequence:
    """What became of one job."""

    cron: str
    faults: Sequence[Met]
    job: JobId
    delivered: Delivered
    row: RowState
    said: Sequence[str]
    """What each instance that was called answered: `A: 200`, or that it died."""
    known: str | None = None
    """Why it is so, where that is known."""

    @property
    def where(self) -> str:
        """The faults and their points, in a sentence."""
        return "".join(f", {met}" for met in self.faults)


def consequences(run: Run, jobs: Sequence[JobId] = ()) -> Iterator[Consequence]:
    """What became of each of the jobs, by default of all, for every purpose that was asked for."""
    rows = {row["id"]: row for row in (run.recovered or run.after).get("jobs", [])}
    said = [f"{r.instance}: {r.status}" for r in run.responses] + [f"{name}: died" for name in sorted(run.died)]
    for column in run.purposes:
        crons = sorted({instance.cron for instance in run.instances if purpose(instance.cron) == column})
        accepted = [sent.message.to for sent in run.accepted if sent.purpose == column]
        for job_id in jobs or in_order(run.jobs):
            phone = run.jobs[job_id].phone
            # Jobs that share a number share its messages.
            sharing = [job for job in jobs or run.jobs if run.jobs[job].phone == phone]
            count = accepted.count(phone) if phone is not None else 0
            share = count // len(sharing) + (sharing.index(job_id) < count % len(sharing))
            marked = rows.get(job_id, {}).get(column) is not None
            state: RowState = "free" if not marked else "claimed" if share else "stuck"
            delivered: Delivered = "never" if share == 0 else "once" if share == 1 else "twice"
            yield Consequence(" and ".join(crons), run.met, job_id, delivered, state, said)
