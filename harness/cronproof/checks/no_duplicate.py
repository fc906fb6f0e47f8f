"""no-duplicate: no unit's message is accepted twice."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.domain.message import SentMessage
from cronproof.domain.work import UnitId, Work, in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.evidence.requests import UNKNOWN_TEXT, count_requests
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class NoDuplicate(StrictModel, Check):
    """No unit's message is accepted twice, the recovery included.

    A cron whose messages belong to no units must not send the same text to a recipient more often
    than rows ask for it.
    """

    id: ClassVar[str] = "no-duplicate"
    needs_recovery: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Assigns each message to a claimed unit that is owed it. One that is left over is a duplicate."""
        if not evidence.delivered:
            return inconclusive("no message was accepted, so none could be a duplicate")
        taken = [(work, unit) for work in evidence.application.works for unit in in_order(evidence.taken(work))]
        assigned = set(evidence.assign(evidence.delivered, taken).values())
        unclaimed: set[tuple[tuple[Work, UnitId], ...]] = set()
        alike: dict[Hashable, list[SentMessage]] = defaultdict(list)
        for number, sent in enumerate(evidence.delivered):
            fitting = tuple(evidence.owed(sent))
            if not fitting:
                alike[sent.message.identity].append(sent)
            elif number in assigned:
                continue
            elif set(fitting).isdisjoint(taken) and fitting not in unclaimed:
                unclaimed.add(fitting)  # nobody claimed its unit: the first is none too many
            else:
                return failed(_describe(evidence, fitting, taken))
        doubt: Finding | None = None
        for messages in alike.values():
            one = messages[0].message
            if len(messages) <= count_requests(evidence, one.to, one.content):
                continue
            if not one.is_blank:
                return failed(f"{masked(one.to)} got {len(messages)} messages: {' and '.join(map(str, messages))}")
            doubt = doubt or inconclusive(f"{masked(one.to)} got {len(messages)} messages, {UNKNOWN_TEXT}")
        if doubt is not None:
            return doubt
        return passed(f"{len(evidence.delivered)} accepted, none twice")

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:  # noqa: ARG002  (examines anew)
        """Is inconclusive if messages of a work were accepted, there was something to do, and none ever fitted a unit."""
        for work in evidence[0].works:
            if any(work == of for one in evidence for sent in one.sent for of, _ in one.owed(sent)):
                continue
            at_work = [one for one in evidence if _has_something_to_send(one, work)]
            strays = (stray for one in at_work for stray in one.find_strays(work))
            if stray := next(strays, None):
                return inconclusive(f"{stray} fits no {work.unit}: is `match` of [work.{work.name}.message] right?")
        return None


def _has_something_to_send(evidence: Evidence, work: Work) -> bool:
    """Whether a unit that could get a message was due, or taken."""
    units = evidence.units.get(work.name, {})
    return any(units[one].is_owed_message for one in {*evidence.taken(work), *evidence.choose(work, None)})


def _describe(evidence: Evidence, fitting: Sequence[tuple[Work, UnitId]], taken: Sequence[tuple[Work, UnitId]]) -> str:
    """Describes the messages that were sent for units, of which one is too many."""
    among = [one for one in fitting if one in taken] or list(fitting)
    work = among[0][0]
    units = in_order({unit for other, unit in among if other == work})
    messages = [sent for sent in evidence.delivered if not set(evidence.owed(sent)).isdisjoint(fitting)]
    people = " and ".join(dict.fromkeys(masked(sent.message.to) for sent in messages))
    return f"{name_units(work.unit, units)}: {people} got {len(messages)} messages: {' and '.join(map(str, messages))}"
