"""The evidence of one execution: plain data, from which checks decide."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cronproof.domain.crons import purpose
from cronproof.domain.database import Function, Role, Rows, SqlError
from cronproof.domain.instance import CronResponse, Instance
from cronproof.domain.message import BlockedCall, SentMessage
from cronproof.domain.work import MAIN_SERVICE, UNITS, Unit, UnitId, units_of_rows
from cronproof.evidence.finding import Finding
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.gate.fault import DIES
from cronproof.gate.trace import InjectedFault, Step, Wait, find_injected_faults


@dataclass(frozen=True)
class ClaimWrite:
    """An instance claimed a unit of work, or gave it back: it set or cleared a claim column."""

    instance: str
    unit: UnitId
    column: str
    is_set: bool


@dataclass(frozen=True)
class Evidence:
    """One execution: the instances of a scenario, played in one order on fresh rows, and what they left behind.

    Evidence of the same `key` differs in times only. `findings` are those of the scenario's checks, in the order of the
    file: they are evaluated once, and travel with the evidence.
    """

    order: str
    target: str = ""
    role: Role = "service_role"
    instances: Sequence[Instance] = ()
    responses: Sequence[CronResponse] = ()
    steps: Sequence[Step] = ()
    waits: Sequence[Wait] = ()
    errors: Sequence[SqlError] = ()
    sent: Sequence[SentMessage] = ()
    blocked_calls: Sequence[BlockedCall] = ()
    claim_writes: Sequence[ClaimWrite] = ()
    before: Rows = field(default_factory=dict)
    """The rows of the tables that the scenario is about, before the execution."""
    after: Rows = field(default_factory=dict)
    """The same rows after it."""
    recovered: Rows = field(default_factory=dict)
    """The same rows after the recovery: the crons were called again, without faults, until nothing changed."""
    functions: Sequence[Function] = ()
    comparable: Rows = field(default_factory=dict)
    """`after`, with each point in time replaced by whether it is there."""
    key: str = ""
    is_explored: bool = False
    """Whether the order is a schedule of an exploration, and not a named one."""
    inconclusive_reason: str | None = None
    """Why the execution proves nothing, if it does not."""
    did_not_settle: str | None = None
    """Why the recovery did not end, if it did not. Then only failures that no later message can undo are certain."""
    never_reached: bool = False
    """Whether it proves nothing because the instance never came to the place at which it was to be held."""
    findings: Sequence[Finding] = ()
    anomalies: Sequence[str] = ()
    message_outcomes: Sequence[MessageOutcome] = ()

    @property
    def died(self) -> set[str]:
        """The instances that were killed. They answer nothing."""
        return {fault.instance for fault in self.injected_faults if fault.fault == DIES}

    @cached_property
    def injected_faults(self) -> list[InjectedFault]:
        """The faults that were injected, in order."""
        return find_injected_faults(self.steps)

    @cached_property
    def units(self) -> dict[UnitId, Unit]:
        """The units of work by id, as they were before the execution."""
        return units_of_rows(self.before)

    @property
    def unit_rows_before(self) -> list[dict[str, Any]]:
        """The rows of the units before the execution."""
        return self.before.get(UNITS, [])

    def unit_rows(self, *, recovered: bool = False) -> list[dict[str, Any]]:
        """The rows of the units after the execution or, if so asked and there was one, after the recovery."""
        return (self.recovered if recovered and self.recovered else self.after).get(UNITS, [])

    @property
    def outcome(self) -> str:
        """What the execution came to, comparable: rows, accepted messages, responses, without times."""
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
    def accepted(self) -> list[SentMessage]:
        """The messages that the units' service accepted."""
        return [sent for sent in self.delivered if sent.message.service == MAIN_SERVICE]

    @property
    def delivered(self) -> list[SentMessage]:
        """The messages that any service accepted."""
        return [sent for sent in self.sent if sent.message.accepted]

    def claimed(self, column: str) -> set[UnitId]:
        """The units that were free and then claimed by this column, whether or not they stayed so."""
        free = {row["id"] for row in self.unit_rows_before if row.get(column) is None}
        rows = [*self.after.get(UNITS, []), *self.recovered.get(UNITS, [])]
        claimed = {write.unit for write in self.claim_writes if write.column == column and write.is_set}
        return free & (claimed | {row["id"] for row in rows if row.get(column) is not None})

    @property
    def purposes(self) -> list[str]:
        """The purposes of the called crons' messages, each once."""
        return sorted({purpose(instance.cron) for instance in self.instances})

    def units_of(self, recipient: str) -> list[Unit]:
        """The units whose messages go to a recipient."""
        return [unit for unit in self.units.values() if unit.recipient == recipient]
