"""no-duplicate: no unit's message is accepted twice."""

from collections import defaultdict
from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.domain.message import SentMessage
from cronproof.domain.work import UnitId, Work, in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.evidence.requests import count_requests
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
        """Compares the number of messages with that of the claimed units that are owed such a one."""
        if not evidence.delivered:
            return inconclusive("no message was accepted, so none could be a duplicate")
        received: dict[tuple[Work | None, tuple[UnitId, ...], str, str], list[SentMessage]] = defaultdict(list)
        for sent in evidence.delivered:
            work = evidence.work_of(sent)
            units = () if work is None else tuple(evidence.units_for(work, sent))
            text = "" if units else sent.message.content
            received[work if units else None, units, sent.message.to, text].append(sent)
        for (work, units, to, text), messages in received.items():
            claimed = set[UnitId]() if work is None else evidence.claimed(work).intersection(units)
            if len(messages) > (count_requests(evidence, to, text) if work is None else max(len(claimed), 1)):
                what = "" if work is None else f"{name_units(work.unit, in_order(claimed) or list(units))}: "
                return failed(f"{what}{masked(to)} got {len(messages)} messages: {' and '.join(map(str, messages))}")
        return passed(f"{len(evidence.delivered)} accepted, none twice")
