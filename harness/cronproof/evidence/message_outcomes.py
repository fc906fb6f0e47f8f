"""Finds the outcome of each message of an execution."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cronproof.domain.crons import purpose
from cronproof.domain.work import UNIT, UnitId, in_order
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.message_outcome import Delivered, ExpectedMessage, MessageOutcome, RowState


def find_message_outcomes(
    evidence: Evidence, units: Sequence[UnitId] | None = None, expected: Sequence[ExpectedMessage] = ()
) -> Iterator[MessageOutcome]:
    """Yields the outcomes of units' messages (default: all), per purpose, and of expected ones."""
    answers = [f"{response.instance}: {response.status}" for response in evidence.responses]
    answers += [f"{name}: died" for name in sorted(evidence.died)]
    for cron, about, count, claimed in (*_of_units(evidence, units), *_of_expected(evidence, expected)):
        delivered: Delivered = "never" if count == 0 else "once" if count == 1 else "twice"
        state: RowState = "free" if not claimed else "claimed" if count else "stuck"
        yield MessageOutcome(cron, evidence.injected_faults, about, delivered, state, answers)


_Counted = tuple[str, str, int, bool]
"""A message's cron, subject and number of acceptances, and whether its row is claimed."""


def _of_units(evidence: Evidence, units: Sequence[UnitId] | None) -> Iterator[_Counted]:
    rows = {row["id"]: row for row in evidence.unit_rows(recovered=True)}
    among = list(evidence.units) if units is None else units
    for column in evidence.purposes:
        crons = sorted({instance.cron for instance in evidence.instances if purpose(instance.cron) == column})
        accepted = [sent.message.to for sent in evidence.accepted if sent.purpose == column]
        for unit in in_order(among) if units is None else units:
            recipient = evidence.units[unit].recipient
            # Units with the same recipient share the messages.
            sharing = [one for one in among if evidence.units[one].recipient == recipient]
            count = accepted.count(recipient) if recipient is not None else 0
            share = count // len(sharing) + (sharing.index(unit) < count % len(sharing))
            yield " and ".join(crons), f"{UNIT} {unit}", share, rows.get(unit, {}).get(column) is not None


def _of_expected(evidence: Evidence, expected: Sequence[ExpectedMessage]) -> Iterator[_Counted]:
    crons = " and ".join(sorted({instance.cron for instance in evidence.instances}))
    for message in expected:
        in_time = [sent.message for sent in evidence.delivered if not (message.in_time and sent.recovering)]
        count = sum(sent.to == message.to and message.says in sent.content for sent in in_time)
        before, after = (_row(rows, message) for rows in (evidence.before, evidence.recovered or evidence.after))
        yield crons, str(message), count, before != after if message.row else count > 0


def _row(rows: Mapping[str, Sequence[Mapping[str, Any]]], message: ExpectedMessage) -> Mapping[str, Any] | None:
    """Returns the row of a message, if it exists."""
    for table, values in message.row.items():
        for row in rows.get(table, ()):
            if all(column in row and row[column] == value for column, value in values.items()):
                return row
    return None
