"""Finds the outcome of each message of an execution."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from cronproof.domain.message import SentMessage
from cronproof.domain.work import NamedUnits, UnitId, Work, in_order
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.message_outcome import Delivered, ExpectedMessage, MessageOutcome, RowState


def find_message_outcomes(
    evidence: Evidence, units: NamedUnits | None = None, expected: Sequence[ExpectedMessage] = ()
) -> Iterator[MessageOutcome]:
    """Yields the outcomes of units' messages (default: all), per work, and of expected ones."""
    answers = [f"{response.instance}: {response.status}" for response in evidence.responses]
    answers += [f"{name}: died" for name in sorted(evidence.died)]
    for cron, about, messages, claimed in (*_of_units(evidence, units), *_of_expected(evidence, expected)):
        count = len(messages)
        delivered: Delivered = "never" if count == 0 else "once" if count == 1 else "twice"
        state: RowState = "free" if not claimed else "claimed" if count else "stuck"
        of_one_call = len({message.call for message in messages}) < count
        faults = evidence.injected_faults
        yield MessageOutcome(cron, faults, about, delivered, state, answers, count=count, is_of_one_call=of_one_call)


_Counted = tuple[str, str, Sequence[SentMessage], bool]
"""A message's cron and subject, its acceptances, and whether its row is claimed."""


def _of_units(evidence: Evidence, units: NamedUnits | None) -> Iterator[_Counted]:
    works = [work for work in evidence.works if work.message is not None]
    every = [(work, unit) for work in works for unit in in_order(evidence.units.get(work.name, {}))]
    claimed = {(work, unit): evidence.is_claimed(work, unit, recovered=True) for work, unit in every}
    shares = _share(evidence, every, claimed)
    for work in works:
        crons = sorted({instance.cron for instance in evidence.instances if instance.cron in work.crons})
        among = in_order(evidence.units.get(work.name, {})) if units is None else evidence.choose(work, units)
        for unit in among:
            messages = _of_own_name(evidence, shares[work, unit])
            yield " and ".join(crons), f"{work.unit} {unit}", messages, claimed[work, unit]


def _share(
    evidence: Evidence, every: Sequence[tuple[Work, UnitId]], claimed: Mapping[tuple[Work, UnitId], bool]
) -> Mapping[tuple[Work, UnitId], Sequence[SentMessage]]:
    """Shares messages out among the units that are owed them: each gets one if it can, claimed ones first. What is
    left over goes to the first whom it fits.
    """
    ordered = sorted(every, key=lambda one: not claimed[one])
    owner = {number: one for one, number in evidence.assign(evidence.accepted, ordered).items()}
    shares: dict[tuple[Work, UnitId], list[SentMessage]] = {one: [] for one in every}
    for number, sent in enumerate(evidence.accepted):
        owed = set(evidence.owed(sent))
        fitting = (one for one in ordered if one in owed)
        if (one := owner.get(number) or next(fitting, None)) is not None:
            shares[one].append(sent)
    return shares


def _of_expected(evidence: Evidence, expected: Sequence[ExpectedMessage]) -> Iterator[_Counted]:
    crons = " and ".join(sorted({instance.cron for instance in evidence.instances}))
    has_changed = {number: _has_changed(evidence, message) for number, message in enumerate(expected)}
    for number, message in enumerate(expected):
        alike = [other for other, one in enumerate(expected) if (one.to, one.says) == (message.to, message.says)]
        sent = [
            one
            for one in evidence.delivered
            if one.message.to == message.to
            and message.says in one.message.content
            and not (message.in_time and one.recovering)
        ]
        share = dict(_share_out(_of_own_name(evidence, sent), alike, has_changed))[number]
        yield crons, str(message), share, has_changed[number] if message.row else bool(share)


def _of_own_name(evidence: Evidence, messages: Sequence[SentMessage]) -> Sequence[SentMessage]:
    """Returns all messages if one of them was sent in the name of the recipient's owner, else none.

    What comes in another name besides is a message too many.
    """
    return messages if any(map(evidence.is_in_own_name, messages)) else ()


Sharer = TypeVar("Sharer", bound=Hashable)


def _share_out(
    messages: Sequence[SentMessage], among: Sequence[Sharer], claimed: Mapping[Sharer, bool]
) -> Iterator[tuple[Sharer, Sequence[SentMessage]]]:
    """Shares out messages that look alike: those whose row is claimed come first."""
    for position, sharer in enumerate(sorted(among, key=lambda one: not claimed[one])):
        yield sharer, messages[position :: len(among)]


def _has_changed(evidence: Evidence, message: ExpectedMessage) -> bool:
    before, after = (_row(rows, message) for rows in (evidence.before, evidence.recovered or evidence.after))
    return before != after


def _row(rows: Mapping[str, Sequence[Mapping[str, Any]]], message: ExpectedMessage) -> Mapping[str, Any] | None:
    """Returns the row of a message, if it exists."""
    for table, values in message.row.items():
        for row in rows.get(table, ()):
            if all(column in row and row[column] == value for column, value in values.items()):
                return row
    return None
