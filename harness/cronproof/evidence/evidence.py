"""The evidence of one execution: plain data that checks examine."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cronproof.domain.crons import purpose
from cronproof.domain.database import Function, Role, Rows, SqlError
from cronproof.domain.instance import CronResponse, Instance
from cronproof.domain.message import BlockedCall, SentMessage
from cronproof.domain.owners import find_owners
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
    """The evidence of one execution of a scenario's instances, in one order and on fresh rows.

    Evidence with the same `key` differs only in times. `findings` are those of the scenario's
    checks, in file order. They are evaluated once and stored here.
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
    """The same rows after the recovery. Empty without a recovery, or if it did not settle."""
    still_tried: Collection[tuple[str, str]] = ()
    """The messages, by recipient and text, that even the recovery's last call tried in vain."""
    functions: Sequence[Function] = ()
    comparable: Rows = field(default_factory=dict)
    """`after`, with placeholders for times and generated UUIDs."""
    key: str = ""
    is_explored: bool = False
    """Whether the order is a schedule of an exploration rather than a named order."""
    inconclusive_reason: str | None = None
    """Why the execution is inconclusive, if it is."""
    did_not_settle: str | None = None
    """Why the recovery did not settle, if so. Only failures that it could not undo are certain."""
    never_reached: bool = False
    """Whether it is inconclusive because an instance never reached the place to hold it at."""
    met_refusals: Collection[int] = ()
    """The positions of the given refusals with which a service has answered."""
    findings: Sequence[Finding] = ()
    anomalies: Sequence[str] = ()
    message_outcomes: Sequence[MessageOutcome] = ()

    @property
    def died(self) -> set[str]:
        """The instances that were killed. They send no response."""
        return {fault.instance for fault in self.injected_faults if fault.fault == DIES}

    @cached_property
    def is_inside(self) -> bool:
        """Whether an instance was held inside a statement."""
        return any(step.point.kind == "inside" for step in self.steps)

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
        """Returns the units' rows after the execution or, if `recovered`, after any recovery."""
        return (self.recovered if recovered and self.recovered else self.after).get(UNITS, [])

    @property
    def outcome(self) -> str:
        """The outcome as comparable text: rows, accepted messages and responses, without times."""
        messages = sorted([sent.message.instance, sent.message.to, sent.message.content] for sent in self.delivered)
        responses = sorted([r.instance, r.status, json.dumps(r.body, sort_keys=True)] for r in self.responses)
        return json.dumps([self.comparable, messages, responses], sort_keys=True)

    @property
    def summary(self) -> str:
        """The outcome in short: each instance's response and number of accepted messages."""
        answered = {response.instance: str(response.status) for response in self.responses}
        answered |= dict.fromkeys(self.died, "died")
        sent = Counter(one.message.instance for one in self.delivered if not one.recovering)
        return "; ".join(f"{i.name}: {answered.get(i.name, 'nothing')}, {sent[i.name]} sent" for i in self.instances)

    @property
    def accepted(self) -> list[SentMessage]:
        """The messages that the main service accepted."""
        return [sent for sent in self.delivered if sent.message.service == MAIN_SERVICE]

    @property
    def delivered(self) -> list[SentMessage]:
        """The messages that any service accepted."""
        return [sent for sent in self.sent if sent.message.accepted]

    def is_in_own_name(self, sent: SentMessage) -> bool:
        """Whether a message was sent in the name of an owner of its recipient, as far as is known."""
        owners = find_owners(self.before, sent.message.to)
        return not owners or sent.message.owners is None or bool(owners & sent.message.owners)

    def claimed(self, column: str) -> set[UnitId]:
        """Returns the units that were free and then claimed in this column, if only for a time."""
        free = {row["id"] for row in self.unit_rows_before if row.get(column) is None}
        rows = [*self.after.get(UNITS, []), *self.recovered.get(UNITS, [])]
        claimed = {write.unit for write in self.claim_writes if write.column == column and write.is_set}
        return free & (claimed | {row["id"] for row in rows if row.get(column) is not None})

    @property
    def purposes(self) -> list[str]:
        """The purposes of the called crons' messages, each once."""
        return sorted({purpose(instance.cron) for instance in self.instances})

    def units_of(self, recipient: str) -> list[Unit]:
        """Returns the units whose messages go to a recipient."""
        return [unit for unit in self.units.values() if unit.recipient == recipient]
