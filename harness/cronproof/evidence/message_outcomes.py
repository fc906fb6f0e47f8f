"""What a run came to for each message: the truth table, one line for a message and the faults that were met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from cronproof.domain.crons import purpose
from cronproof.evidence.evidence import JobId, Met, Run, in_order
from cronproof.redaction import masked
from cronproof.strict_model import Parameters

Delivered = Literal["never", "once", "twice"]
"""How often a message was accepted; `twice` stands for more than twice, too."""
Amiss = Literal["twice", "lost", "stuck"]
"""Accepted more than once; never, though its row is open; never, and its row is claimed."""
RowState = Literal["free", "claimed", "stuck"]
"""The row of a message in the end: open to be claimed, claimed and messaged, or claimed and never messaged by anybody."""


class Awaited(Parameters):
    """A message that is waited for, where no job's mark tells of it."""

    to: Annotated[str, Field(min_length=1, description="To whom: a phone number, a Telegram chat, a contact.")]
    says: Annotated[str, Field(description="Words that are in it, and in no other message to them.")] = ""
    row: Annotated[
        dict[str, dict[str, JsonValue]],
        Field(
            max_length=1,
            description="The row by which crons remember it: its table, and the values that it is known by. Once it is "
            "not as it was, or there and was not, the message counts as claimed.",
        ),
    ] = {}

    in_time: Annotated[
        bool, Field(description="Whether what the runs of the recovery send comes too late to count.")
    ] = False

    def __str__(self) -> str:
        return f"the message to {masked(self.to)}" + (f" that says {self.says!r}" if self.says else "")


@dataclass(frozen=True)
class Consequence:
    """What became of one message: that of a job, or one that is `about` something else."""

    cron: str
    faults: Sequence[Met]
    about: str
    delivered: Delivered
    row: RowState
    said: Sequence[str]
    """What each instance that was called answered: `A: 200`, or that it died."""
    known: str | None = None
    """Why it is so, where that is known."""

    @property
    def amiss(self) -> Amiss | None:
        """What is wrong, if it was not accepted once."""
        match self.delivered:
            case "once":
                return None
            case "twice":
                return "twice"
            case "never":
                return "stuck" if self.row == "stuck" else "lost"

    @property
    def where(self) -> str:
        """The faults and their points, in a sentence."""
        return "".join(f", {met}" for met in self.faults)


def consequences(
    run: Run, jobs: Sequence[JobId] | None = None, awaited: Sequence[Awaited] = ()
) -> Iterator[Consequence]:
    """What became of the messages of these jobs, by default of all, for every purpose that was asked for, and of others that
    are waited for.
    """
    said = [f"{r.instance}: {r.status}" for r in run.responses] + [f"{name}: died" for name in sorted(run.died)]
    for cron, about, count, claimed in (*_of_jobs(run, jobs), *_of_others(run, awaited)):
        delivered: Delivered = "never" if count == 0 else "once" if count == 1 else "twice"
        state: RowState = "free" if not claimed else "claimed" if count else "stuck"
        yield Consequence(cron, run.met, about, delivered, state, said)


_Counted = tuple[str, str, int, bool]
"""Of a message the cron, what it is about, how often it was accepted, and whether its row is claimed."""


def _of_jobs(run: Run, jobs: Sequence[JobId] | None) -> Iterator[_Counted]:
    rows = {row["id"]: row for row in (run.recovered or run.after).get("jobs", [])}
    among = list(run.jobs) if jobs is None else jobs
    for column in run.purposes:
        crons = sorted({instance.cron for instance in run.instances if purpose(instance.cron) == column})
        accepted = [sent.message.to for sent in run.accepted if sent.purpose == column]
        for job_id in in_order(among) if jobs is None else jobs:
            phone = run.jobs[job_id].phone
            # Jobs that share a number share its messages.
            sharing = [job for job in among if run.jobs[job].phone == phone]
            count = accepted.count(phone) if phone is not None else 0
            share = count // len(sharing) + (sharing.index(job_id) < count % len(sharing))
            yield " and ".join(crons), f"job {job_id}", share, rows.get(job_id, {}).get(column) is not None


def _of_others(run: Run, awaited: Sequence[Awaited]) -> Iterator[_Counted]:
    crons = " and ".join(sorted({instance.cron for instance in run.instances}))
    for message in awaited:
        in_time = [sent.message for sent in run.delivered if not (message.in_time and sent.recovering)]
        count = sum(sent.to == message.to and message.says in sent.content for sent in in_time)
        before, after = (_row(rows, message) for rows in (run.before, run.recovered or run.after))
        yield crons, str(message), count, before != after if message.row else count > 0


def _row(rows: Mapping[str, Sequence[Mapping[str, Any]]], message: Awaited) -> Mapping[str, Any] | None:
    """The row of a message, if it is there."""
    for table, values in message.row.items():
        for row in rows.get(table, ()):
            if all(column in row and row[column] == value for column, value in values.items()):
                return row
    return None
