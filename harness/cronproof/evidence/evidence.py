"""What one execution of a scenario has left behind: plain data, from which the checks decide."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cronproof.domain.crons import purpose
from cronproof.explore.executor import Step, Wait
from cronproof.gate.fault import DIES, FaultName
from cronproof.gate.names import step_name
from cronproof.postgres.catalog import Function
from cronproof.postgres.database import Role, Rows
from cronproof.postgres.proxy.proxy import SqlError
from cronproof.redaction import cut
from cronproof.services.exchange import Message
from cronproof.services.services import Escape

JobId = int | str
"""The primary key of a job, as JSON has it: a number, or the text of a UUID."""


def in_order(ids: Iterable[JobId]) -> list[JobId]:
    """Sorted: numbers by their value."""
    return sorted(ids, key=lambda job_id: (isinstance(job_id, str), job_id))


@dataclass(frozen=True)
class Instance:
    """One invocation of a cron: A, B, C and so on."""

    name: str
    cron: str


@dataclass(frozen=True)
class CronResponse:
    """What a cron answered. `body` is the JSON, or the text where it is not JSON."""

    instance: str
    status: int
    body: Any


@dataclass(frozen=True)
class Output:
    """The last lines that an instance outside has written, and the file that has all of them."""

    instance: str
    file: Path
    lines: Sequence[str]


@dataclass(frozen=True)
class Job:
    """A job of the scenario, as far as checks ask about it."""

    id: JobId
    phone: str | None
    completed_at: datetime | None


@dataclass(frozen=True)
class Sent:
    """A message that a cron tried to send, with the cron's name. `recovering` ones came after the run itself."""

    cron: str
    message: Message
    recovering: bool = False

    @property
    def purpose(self) -> str:
        """What it was sent for."""
        return purpose(self.cron)

    def __str__(self) -> str:
        by = f"{self.cron} again" if self.recovering else f"{self.message.instance} ({self.cron})"
        return f"#{self.message.number} by {by} {cut(self.message.content)!r}"


@dataclass(frozen=True)
class Mark:
    """An instance set or cleared a job's `*_sent_at`."""

    instance: str
    job_id: JobId
    sent_column: str
    is_set: bool


@dataclass(frozen=True)
class Met:
    """An instance met a fault at a point, which has the name of what was done there: `commit`, and the second time
    `commit (2)`.
    """

    fault: FaultName
    instance: str
    point: str
    step: int
    """Which of the run's steps it was, from 0."""

    def __str__(self) -> str:
        return f"{self.fault} at {self.instance}: {self.point}"


@dataclass(frozen=True)
class Run:
    """One execution: a scenario's instances, played in one order, on fresh rows.

    `before`, `after` and `recovered` are the rows of the tables that the scenario names; `recovered` is what they are
    after the crons have run again, without faults, until nothing changed. `comparable` is `after` with nothing of times
    but whether they are there; runs of the same `key` have the same evidence, times aside. `is_explored` ones
    belong to the interleavings, and their order is a schedule. `hindrance` says why the execution proves
    nothing, if it does not; `unsettled` that its recovery came to no end, so that only what went wrong is certain;
    `never_reached` that this is for want of the place at which an instance was to be held.
    """

    order: str
    target: str = ""
    role: Role = "service_role"
    instances: Sequence[Instance] = ()
    responses: Sequence[CronResponse] = ()
    steps: Sequence[Step] = ()
    waits: Sequence[Wait] = ()
    errors: Sequence[SqlError] = ()
    sent: Sequence[Sent] = ()
    escapes: Sequence[Escape] = ()
    marks: Sequence[Mark] = ()
    before: Rows = field(default_factory=dict)
    after: Rows = field(default_factory=dict)
    recovered: Rows = field(default_factory=dict)
    functions: Sequence[Function] = ()
    comparable: Rows = field(default_factory=dict)
    key: str = ""
    is_explored: bool = False
    hindrance: str | None = None
    unsettled: str | None = None
    never_reached: bool = False

    @property
    def died(self) -> set[str]:
        """The instances that were killed: they answer nothing."""
        return {met.instance for met in self.met if met.fault == DIES}

    @cached_property
    def met(self) -> list[Met]:
        """The faults that were put in, in their order."""
        return faults_met(self.steps)

    @cached_property
    def jobs(self) -> dict[JobId, Job]:
        """The scenario's jobs by id, as they were before the run."""
        phones = {customer["id"]: customer.get("phone_number") for customer in self.before.get("customers", [])}
        return {
            row["id"]: Job(
                row["id"],
                phones.get(row.get("customer_id")) or row.get("phone_number"),
                _time(row.get("completed_at")),
            )
            for row in self.before.get("jobs", [])
        }

    @property
    def outcome(self) -> str:
        """What the run came to, comparable between runs: rows, accepted messages, responses; without times."""
        messages = sorted([sent.message.instance, sent.message.to, sent.message.content] for sent in self.delivered)
        responses = sorted([r.instance, r.status, json.dumps(r.body, sort_keys=True)] for r in self.responses)
        return json.dumps([self.comparable, messages, responses], sort_keys=True)

    @property
    def summary(self) -> str:
        """The outcome in a few words: what each instance answered, and how many messages of it were accepted."""
        answered = {response.instance: str(response.status) for response in self.responses}
        answered |= dict.fromkeys(self.died, "died")
        sent = Counter(one.message.instance for one in self.delivered if not one.recovering)
        return "; ".join(f"{i.name}: {answered.get(i.name, 'nothing')}, {sent[i.name]} sent" for i in self.instances)

    @property
    def accepted(self) -> list[Sent]:
        """The SMS that OpenPhone accepted."""
        return [sent for sent in self.sent if sent.message.accepted and sent.message.service == "openphone"]

    @property
    def delivered(self) -> list[Sent]:
        """The messages that any service accepted."""
        return [sent for sent in self.sent if sent.message.accepted]

    def marked(self, column: str) -> set[JobId]:
        """The jobs that got this `*_sent_at` during the run or its recovery, whether or not they kept it."""
        empty = {row["id"] for row in self.before.get("jobs", []) if row.get(column) is None}
        rows = [*self.after.get("jobs", []), *self.recovered.get("jobs", [])]
        marked = {mark.job_id for mark in self.marks if mark.sent_column == column and mark.is_set}
        return empty & (marked | {row["id"] for row in rows if row.get(column) is not None})

    @property
    def purposes(self) -> list[str]:
        """What the called crons' messages are for, each once."""
        return sorted({purpose(instance.cron) for instance in self.instances})

    def jobs_of(self, phone: str) -> list[Job]:
        """The scenario's jobs that are messaged at this number."""
        return [job for job in self.jobs.values() if job.phone == phone]


def faults_met(steps: Sequence[Step]) -> list[Met]:
    """The faults among steps, with their points."""
    if all(step.fault is None for step in steps):  # as of most runs of an exploration
        return []
    met, times = [], Counter[tuple[str, str]]()
    for number, step in enumerate(steps):
        name = step_name(step.point)
        times[step.instance, name] += 1
        again = times[step.instance, name]
        if step.fault is not None:
            met.append(Met(step.fault, step.instance, name if again == 1 else f"{name} ({again})", number))
    return met


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):  # NULL, or a time that Python has no year for
        return None
