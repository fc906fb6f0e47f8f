"""no-duplicate: no unit's message is accepted twice."""

from collections import defaultdict
from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.domain.crons import SENT_COLUMNS
from cronproof.domain.message import SentMessage
from cronproof.domain.work import in_order, name_units
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.evidence.requests import count_requests
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class NoDuplicate(StrictModel, Check):
    """No recipient gets two messages for one unit and purpose, the recovery included.

    A cron that claims no units must not send the same text to a recipient more often than rows ask
    for it.
    """

    id: ClassVar[str] = "no-duplicate"
    needs_recovery: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Compares each recipient's messages with the number of its claimed units, per purpose."""
        if not evidence.delivered:
            return inconclusive("no message was accepted, so none could be a duplicate")
        received: dict[tuple[str, str, str], list[SentMessage]] = defaultdict(list)
        for sent in evidence.delivered:
            text = "" if sent.cron in SENT_COLUMNS else sent.message.content
            received[sent.message.to, sent.purpose, text].append(sent)
        for (to, purpose, text), messages in received.items():
            units = [unit.id for unit in evidence.units_of(to)]
            claimed = evidence.claimed(purpose).intersection(units)
            if len(messages) > (count_requests(evidence, to, text) if text else max(len(claimed), 1)):
                what = f"{name_units(in_order(claimed) or units)}: " if units else ""
                return failed(f"{what}{masked(to)} got {len(messages)} messages: {' and '.join(map(str, messages))}")
        return passed(f"{len(evidence.delivered)} accepted, none twice")
