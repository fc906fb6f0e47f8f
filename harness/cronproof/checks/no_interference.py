"""no-interference: crons that run at the same time do not get into each other's way with the people that they message."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check, Finding, failed, inconclusive, passed
from cronproof.checks.known import Limit
from cronproof.evidence.evidence import Run, Sent
from cronproof.redaction import masked
from cronproof.strict_model import Parameters


class Interference(Limit):
    """Crons that are known to interfere: each of the one list with each of the other."""

    between: Annotated[list[str], Field(min_length=1, description="Any of these crons.")]
    and_: Annotated[list[str], Field(alias="and", min_length=1, description="And any of these.")]

    def covers(self, run: Run) -> bool:
        """Whether the limit is one of a run's target and crons."""
        crons = [instance.cron for instance in run.instances]
        pairs = itertools.permutations(crons, 2)
        return self.is_of(run.target) and any(one in self.between and other in self.and_ for one, other in pairs)


class NoInterference(Parameters, Check):
    """Nobody gets messages of two instances at the same moment, whatever they say, and who gets which message does not
    depend on the order of the instances' steps.
    """

    id: ClassVar[str] = "no-interference"
    known: Annotated[list[Interference], Field(description="Which crons are known to interfere.")] = []

    def examine(self, run: Run) -> Finding:
        """Looks for people who got messages of more than one instance. A contact or chat is the person whose phone it is."""
        at_once = _at_once(run)
        if not at_once:
            return inconclusive("no message was accepted")
        received: dict[str, list[Sent]] = defaultdict(list)
        for sent in at_once:
            received[_person(run, sent)].append(sent)
        for person, messages in received.items():
            if len({sent.message.instance for sent in messages}) > 1:
                crons = " and ".join(sorted({sent.cron for sent in messages}))
                texts = len({sent.message.content for sent in messages})
                same = ", the same text" if texts < len(messages) else ""
                return self._found(run, f"{masked(person)} gets {len(messages)} messages at once, of {crons}{same}")
        return passed("nobody gets messages of two at once")

    def conclude(self, runs: Sequence[Run]) -> Finding | None:
        """Looks whether the same messages come in every order, and whether what is known has shown."""
        said = {run.key: self.examine(run) for run in runs}
        if doubled := next((finding for finding in said.values() if finding.known), None):
            return doubled
        came = {frozenset((_person(run, sent), sent.message.content) for sent in _at_once(run)) for run in runs}
        if len(came) > 1:
            always = frozenset.intersection(*came)
            people = " and ".join(sorted({masked(person) for one in came for person, _ in one - always}))
            return self._found(runs[0], f"which messages {people} gets depends on who is first")
        if any(known.covers(run) for known in self.known for run in runs[:1]):
            return failed("they are known to interfere, and do not any more: take that out")
        return None

    def _found(self, run: Run, message: str) -> Finding:
        reasons = [known.reason for known in self.known if known.covers(run)]
        return Finding("PASS", message, tuple(reasons)) if reasons else failed(message)


def _at_once(run: Run) -> list[Sent]:
    """The messages of the run itself: what comes in the recovery comes later."""
    return [sent for sent in run.delivered if not sent.recovering]


def _person(run: Run, sent: Sent) -> str:
    """The phone of whoever reads a message, as far as the rows tell."""
    to = sent.message.to
    for table, column, phone in (
        ("cleaners", "telegram_id", "phone"),
        ("ghl_followups", "ghl_contact_id", "phone_number"),
    ):
        for row in run.before.get(table, ()):
            if row.get(column) == to and row.get(phone):
                return str(row[phone])
    return to
