"""max-attempts: the limit on attempts to send one message, accepted or not."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.checks.known_limit import KnownLimit
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class MaxAttempts(StrictModel, Check):
    """No message is tried more often than `at_most`, refusals and the recovery included."""

    id: ClassVar[str] = "max-attempts"
    needs_recovery: ClassVar[bool] = True
    counts_attempts: ClassVar[bool] = True
    at_most: Annotated[int, Field(ge=1, description="The most attempts for one message.")]
    known: Annotated[KnownLimit | None, Field(description="Where it is known to be otherwise.")] = None

    def examine(self, evidence: Evidence) -> Finding:
        """Counts the attempts for each recipient and text."""
        to, most = _most_attempts(evidence)
        if not most:
            return inconclusive("no message was tried")
        if most <= self.at_most:
            for recipient, _ in evidence.still_tried:
                return inconclusive(
                    f"a message to {masked(recipient)} is tried again in every call: these were too few to reach "
                    f"{self.at_most} attempts"
                )
            return passed(f"at most {most} of {self.at_most}")
        message = f"a message to {masked(to)} was tried {most} times, not at most {self.at_most}"
        if self.known is not None and self.known.applies_to(evidence.target):
            return Finding("PASS", f"{message}, as is known", (self.known.reason,))
        return failed(message)

    def anomalies(self, evidence: Evidence) -> Sequence[str]:
        """Returns `tried too often` if a message was."""
        return () if _most_attempts(evidence)[1] <= self.at_most else ("tried too often",)

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:
        """Fails if the known limit never showed."""
        if self.known is None or not self.known.applies_to(evidence[0].target):
            return None
        if not any(finding.known for finding in findings):
            return failed("the known limit no longer shows, remove it")
        return passed(f"at most {self.at_most}, a known limit apart")


def _most_attempts(evidence: Evidence) -> tuple[str, int]:
    """Returns the recipient of the message with the most attempts, and their number."""
    tried = Counter((sent.message.to, sent.message.content) for sent in evidence.sent)
    return max(((to, count) for (to, _), count in tried.items()), key=lambda pair: pair[1], default=("", 0))
