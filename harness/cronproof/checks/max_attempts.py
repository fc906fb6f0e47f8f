"""max-attempts: the limit on attempts to send one message, accepted or not."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.checks.known_limit import KnownLimit
from cronproof.domain.message import SentMessage
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.evidence.requests import UNKNOWN_TEXT, count_requests
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class KnownAttempts(KnownLimit):
    """A known limit: how often a message is tried at most, and the reason."""

    attempts: Annotated[
        int | None, Field(ge=2, description="At most how many attempts then; one more than allowed when left out.")
    ] = None


@dataclass(frozen=True)
class _Tried:
    """A message with its attempts, and the number of rows that ask for it."""

    to: str
    attempts: Sequence[SentMessage]
    rows: int

    @property
    def is_blank(self) -> bool:
        """Whether its attempts may be different messages."""
        return self.attempts[0].message.is_blank

    def exceeds(self, limit: int) -> bool:
        """Whether a row's message was certainly tried more often."""
        return len(self.attempts) > limit * self.rows

    def may_exceed(self, limit: int) -> bool:
        """Whether a row's message may have been. If each call tries each row once, it was not."""
        calls = Counter(sent.call for sent in self.attempts)
        return len(self.attempts) > limit and (max(calls.values()) > self.rows or len(calls) > limit)


class MaxAttempts(StrictModel, Check):
    """No message is tried more often than `at_most`, refusals and the recovery included."""

    id: ClassVar[str] = "max-attempts"
    needs_recovery: ClassVar[bool] = True
    counts_attempts: ClassVar[bool] = True
    at_most: Annotated[int, Field(ge=1, description="The most attempts for one message.")]
    known: Annotated[KnownAttempts | None, Field(description="Where it is known to be otherwise.")] = None

    def examine(self, evidence: Evidence) -> Finding:
        """Counts the attempts for each recipient and text."""
        tried = list(_tried(evidence))
        if not tried:
            return inconclusive("no message was tried")
        excess = [one for one in tried if one.exceeds(self.at_most)]
        certain = [one for one in excess if not one.is_blank]
        if not excess:
            return self._doubt(evidence, tried) or passed(
                f"at most {max(math.ceil(len(one.attempts) / one.rows) for one in tried)} of {self.at_most}"
            )
        most = max(certain or excess, key=lambda one: len(one.attempts))
        if most.is_blank:
            return inconclusive(f"{len(most.attempts)} messages to {masked(most.to)} were tried, {UNKNOWN_TEXT}")
        rows = f" for each of {most.rows} rows" if most.rows > 1 else ""
        units = dict.fromkeys(f"{work.unit} {unit}" for sent in most.attempts for work, unit in evidence.owed(sent))
        about = f" ({', '.join(units)})" if units else ""
        message = f"a message to {masked(most.to)} was tried {len(most.attempts)} times, not at most {self.at_most}{rows}{about}"
        if self._is_known(evidence, certain):
            assert self.known is not None  # noqa: S101  (for the type checker: what is known has a limit)
            return Finding("PASS", f"{message}, as is known", (self.known.reason,))
        return failed(message)

    def _is_known(self, evidence: Evidence, excess: Sequence[_Tried]) -> bool:
        if self.known is None or not self.known.applies_to(evidence.target):
            return False
        limit = self.known.attempts or self.at_most + 1
        return not any(one.exceeds(limit) for one in excess)

    def _doubt(self, evidence: Evidence, tried: Sequence[_Tried]) -> Finding | None:
        if evidence.still_tried:
            to, _ = min(evidence.still_tried)
            return inconclusive(
                f"a message to {masked(to)} is tried again in every call: these were too few to reach {self.at_most} "
                "attempts"
            )
        if put_off := sorted({sent.message.to for sent in evidence.sent if self._may_be_tried_later(evidence, sent)}):
            return inconclusive(
                f"a message to {masked(put_off[0])} was refused, and may be tried again later: say by `again` when the cron "
                "is due again"
            )
        for one in tried:
            if one.may_exceed(self.at_most):
                return inconclusive(
                    f"{one.rows} rows ask for the same message to {masked(one.to)}, and which of them was tried how often "
                    "cannot be told: give them different texts"
                )
        return None

    def _may_be_tried_later(self, evidence: Evidence, sent: SentMessage) -> bool:
        """Whether a message was put off, and no unit that is done tells that it was given up."""
        if (sent.message.to, sent.message.content) not in evidence.put_off:
            return False
        if any(
            (one.message.to, one.message.content) == (sent.message.to, sent.message.content)
            for one in evidence.delivered
        ):
            return True
        states = [evidence.state_of(work, unit, recovered=True) for work, unit in evidence.owed(sent)]
        return not states or not all(state is None or state.done for state in states)

    def anomalies(self, evidence: Evidence) -> Sequence[str]:
        """Returns `tried too often` if a message was."""
        exceeding = (one for one in _tried(evidence) if one.exceeds(self.at_most) and not one.is_blank)
        return ("tried too often",) if any(exceeding) else ()

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:
        """Fails if the known limit never showed."""
        if self.known is None or not self.known.applies_to(evidence[0].target):
            return None
        if not any(finding.known for finding in findings):
            return failed("the known limit no longer shows, remove it")
        return passed(f"at most {self.at_most}, a known limit apart")


def _tried(evidence: Evidence) -> Iterator[_Tried]:
    attempts: dict[Hashable, list[SentMessage]] = defaultdict(list)
    for sent in evidence.sent:
        attempts[sent.message.identity].append(sent)
    for of_message in attempts.values():
        one = of_message[0].message
        yield _Tried(one.to, of_message, count_requests(evidence, one.to, one.content))
