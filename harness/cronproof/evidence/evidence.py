"""The evidence of one execution: plain data that checks examine."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cronproof.domain.application import Application
from cronproof.domain.database import Function, Role, Rows, SqlError
from cronproof.domain.instance import CronResponse, Instance
from cronproof.domain.message import BlockedCall, SentMessage
from cronproof.domain.work import NamedUnits, Unit, UnitId, Units, Work, name_units
from cronproof.evidence.assignment import assign
from cronproof.evidence.finding import Finding
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.gate.fault import DIES, SIGTERM
from cronproof.gate.trace import InjectedFault, Step, Wait, find_injected_faults


@dataclass(frozen=True)
class ClaimWrite:
    """An instance claimed a unit of work, or gave it back: it wrote what says so, or removed the row."""

    instance: str
    unit: UnitId
    work: str
    """The name of the work."""
    is_set: bool
    was_set: bool = False
    """Whether the unit was claimed already, at that moment."""


@dataclass(frozen=True)
class Violation:
    """What an invariant's query found while the instances ran."""

    after: str
    """The step after which it found it, as one can read it."""
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Evidence:
    """The evidence of one execution of a scenario's instances, in one order and on fresh rows.

    Evidence with the same `key` differs only in times. `findings` are those of the scenario's
    checks, in file order. They are evaluated once and stored here.
    """

    order: str
    target: str = ""
    application: Application = field(default_factory=Application)
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
    units: Mapping[str, Units] = field(default_factory=dict)
    """The units of each work, by its name, before the execution."""
    units_after: Mapping[str, Units] = field(default_factory=dict)
    units_recovered: Mapping[str, Units] = field(default_factory=dict)
    answers: Mapping[Any, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """The rows that queries of checks have found after the execution, by query."""
    violations: Mapping[str, Violation] = field(default_factory=dict)
    """The first violation of each invariant that is asked after every commit, by query."""
    still_tried: Collection[tuple[str, str]] = ()
    """The messages, by recipient and text, that even the recovery's last call tried in vain, or the last one before the
    services accepted again.
    """
    put_off: Collection[tuple[str, str]] = ()
    """The messages that were refused and not tried again, while nobody said when the cron is due again."""
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
        """The instances that were killed, or ended by a signal. They send no response."""
        answered = {response.instance for response in self.responses}
        killed = {fault.instance for fault in self.injected_faults if fault.fault == DIES}
        return killed | {one.instance for one in self.injected_faults if one.fault == SIGTERM} - answered

    @cached_property
    def is_inside(self) -> bool:
        """Whether an instance was held inside a statement."""
        return any(step.point.kind == "inside" for step in self.steps)

    @cached_property
    def injected_faults(self) -> list[InjectedFault]:
        """The faults that were injected, in order."""
        return find_injected_faults(self.steps)

    @cached_property
    def works(self) -> list[Work]:
        """The works that the called crons do."""
        return self.application.works_of([instance.cron for instance in self.instances])

    @property
    def any_unit(self) -> str:
        """The word for a unit of any of these works: `receipt or reminder`."""
        return " or ".join(dict.fromkeys(work.unit for work in self.works)) or "unit"

    def choose(self, work: Work, named: NamedUnits | None) -> list[UnitId]:
        """Returns which of the named units a work has; by default those of its units that were due. An id alone that
        units of several works have means those of them that were due, if any was.
        """
        units = self.units.get(work.name, {})
        if named is None:
            return [one for one in units if units[one].due]
        if isinstance(named, Mapping):
            return [one for one in named.get(work.name, ()) if one in units]
        return [one for one in named if one in units and (units[one].due or not self._find_due(one))]

    def _find_due(self, unit: UnitId) -> list[Work]:
        """Returns the works of the called crons that have a unit of this id that was due."""
        units = {work: self.units.get(work.name, {}).get(unit) for work in self.works}
        return [work for work, one in units.items() if one is not None and one.due]

    def find_unknown(self, named: NamedUnits) -> str | None:
        """Returns which of the named units there are not, if any."""
        if isinstance(named, Mapping):
            words = {work.name: work.unit for work in self.works}
            lacking = {name: [one for one in ids if one not in self.units.get(name, ())] for name, ids in named.items()}
            found = next(((words.get(name, name), ids) for name, ids in lacking.items() if ids), None)
        else:
            known = {unit for work in self.works for unit in self.units.get(work.name, ())}
            found = self.any_unit, [one for one in named if one not in known]
        return None if found is None or not found[1] else f"{name_units(*found)}: not there"

    def find_ambiguous(self, named: NamedUnits) -> str | None:
        """Returns which id alone means due units of several tables, if any does: exceptions must say which they mean."""
        for unit in () if isinstance(named, Mapping) else named:
            works = list({work.table: work for work in self._find_due(unit)}.values())
            if len(works) > 1:
                return (
                    f"{' and '.join(f'{work.unit} {unit}' for work in works)} are both due: say which is meant by the name "
                    f"of its work, {{{works[0].name}: [{unit}]}}"
                )
        return None

    def state_of(self, work: Work, unit: UnitId, *, recovered: bool = False) -> Unit | None:
        """Returns the state of a unit after the execution or, if `recovered`, after any recovery. None: its row
        is gone.
        """
        after = self.units_recovered if recovered and self.units_recovered else self.units_after
        return after.get(work.name, {}).get(unit)

    def is_claimed(self, work: Work, unit: UnitId, *, recovered: bool = False) -> bool:
        """Whether a unit is claimed after the execution, or after any recovery."""
        state = self.state_of(work, unit, recovered=recovered)
        return work.removes if state is None else state.claimed

    def find_failed_start(self) -> str | None:
        """Returns which crons have failed before they did anything, if all have: they show nothing."""
        if self.injected_faults or self.blocked_calls or any(step.point.kind != "start" for step in self.steps):
            return None
        if not self.responses or not all(response.is_refused for response in self.responses):
            return None
        answers = " and ".join(
            f"{one.instance} {'ended with status' if one.is_exit else 'answered'} {one.status}"
            for one in self.responses
        )
        return (
            f"{answers} before anything was asked of the database or a service; if that is right, expect it by `status`"
        )

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

    @cached_property
    def accepted(self) -> list[SentMessage]:
        """The accepted messages of the services that messages of units go by; all if no work owes a message."""
        services = {work.message.service for work in self.application.works if work.message is not None}
        return [sent for sent in self.delivered if not services or sent.message.service in services]

    @property
    def delivered(self) -> list[SentMessage]:
        """The messages that any service accepted."""
        return [sent for sent in self.sent if sent.message.accepted]

    def is_in_own_name(self, sent: SentMessage) -> bool:
        """Whether a message was sent in the name of an owner of its recipient, as far as is known."""
        declared = self.application.owners
        owners = frozenset[str]() if declared is None else declared.find_owners(self.before, sent.message.to)
        return not owners or sent.message.owners is None or bool(owners & sent.message.owners)

    def claimed(self, work: Work) -> set[UnitId]:
        """Returns the units that were free and then claimed, if only for a time."""
        units = self.units.get(work.name, {})
        written = {write.unit for write in self.claim_writes if write.work == work.name and write.is_set}
        return {
            unit
            for unit, before in units.items()
            if not before.claimed
            and (
                unit in written
                or self.is_claimed(work, unit)
                or (bool(self.units_recovered) and self.is_claimed(work, unit, recovered=True))
            )
        }

    def taken(self, work: Work) -> set[UnitId]:
        """Returns the units that were not done, and claimed at some time, if only for a time."""
        units = self.units.get(work.name, {})
        return {unit for unit, before in units.items() if before.claimed and not before.done} | self.claimed(work)

    def works_for(self, sent: SentMessage) -> list[Work]:
        """Returns the works that a message may be for: its cron does them, and they owe one by its service."""
        return [
            work
            for work in self.application.works
            if sent.cron in work.crons and work.message is not None and work.message.service == sent.message.service
        ]

    def owed(self, sent: SentMessage) -> list[tuple[Work, UnitId]]:
        """Returns the units for which a message may have been sent, each with its work: those that are owed such a one."""
        found: list[tuple[Work, UnitId]] = []
        fields = sent.message.fields
        for work in self.works_for(sent):
            names, units = self._units_by_match.get(work.name, ((), {}))
            fitting = units.get(tuple(map(fields.get, names)), ())
            found += [(work, unit.id) for unit in fitting if _contains(fields, unit)]
        return found

    def find_strays(self, work: Work) -> list[SentMessage]:
        """Returns the accepted messages that may be for a work, and fit no unit."""
        return [sent for sent in self.accepted if work in self.works_for(sent) and not self.owed(sent)]

    def find_unmatched(self) -> str | None:
        """Returns why it cannot be told whose a message was, if so: nobody is owed it, and what is declared of the message
        of a claimed unit has no value.
        """
        for sent in (one for one in self.accepted if not self.owed(one)):
            for work in self.works_for(sent):
                for unit in self.units.get(work.name, {}).values():
                    lacking = [name for name, value in {**unit.match, **unit.contains}.items() if value is None]
                    if lacking and self.is_claimed(work, unit.id):
                        return (
                            f"{work.unit} {unit.id} is claimed, and `{lacking[0]}` of [work.{work.name}.message] is NULL "
                            f"for it: whether {sent} was its message cannot be told"
                        )
        return None

    def units_for(self, work: Work, sent: SentMessage) -> list[UnitId]:
        """Returns the units of one work for which a message may have been sent."""
        return [unit for of, unit in self.owed(sent) if of == work]

    @cached_property
    def _units_by_match(self) -> dict[str, tuple[Sequence[str], dict[tuple[str | None, ...], list[Unit]]]]:
        """The fields that messages of each work must equal, and the units by the values of these: a check asks for
        every message.
        """
        found = dict[str, tuple[Sequence[str], dict[tuple[str | None, ...], list[Unit]]]]()
        for work, units in self.units.items():
            fields = list(next(iter(units.values())).match) if units else []
            by_values: defaultdict[tuple[str | None, ...], list[Unit]] = defaultdict(list)
            for unit in units.values():
                if unit.is_owed_message:
                    by_values[tuple(unit.match[name] for name in fields)].append(unit)
            found[work] = fields, by_values
        return found

    def assign(
        self, messages: Sequence[SentMessage], owed: Sequence[tuple[Work, UnitId]]
    ) -> dict[tuple[Work, UnitId], int]:
        """Assigns messages, by number, to units that are owed them, each to one. Units that come first are served first."""
        fitting: dict[tuple[Work, UnitId], list[int]] = {one: [] for one in owed}
        for number, sent in enumerate(messages):
            for one in self.owed(sent):
                if one in fitting:
                    fitting[one].append(number)
        return assign(owed, fitting)


def _contains(fields: Mapping[str, str], unit: Unit) -> bool:
    return all(value is not None and value in fields.get(name, "") for name, value in unit.contains.items())
