"""tries: how often a message is handed to a service at most, whatever becomes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check, Finding, failed, inconclusive, passed
from cronproof.checks.known import Limit
from cronproof.evidence.evidence import Run
from cronproof.redaction import masked
from cronproof.strict_model import Parameters


class Tries(Parameters, Check):
    """No message is handed to its service more often than this, refusals and the runs of the recovery included."""

    id: ClassVar[str] = "tries"
    needs_recovery: ClassVar[bool] = True
    at_most: Annotated[int, Field(ge=1, description="How often.")]
    known: Annotated[Limit | None, Field(description="Where it is known to be otherwise.")] = None

    def examine(self, run: Run) -> Finding:
        """Counts each text to each recipient."""
        to, most = self._most(run)
        if not most:
            return inconclusive("no message was tried")
        if most <= self.at_most:
            return passed(f"at most {most} of {self.at_most}")
        message = f"a message to {masked(to)} was tried {most} times, not at most {self.at_most}"
        if self.known is not None and self.known.is_of(run.target):
            return Finding("PASS", f"{message}, as is known", (self.known.reason,))
        return failed(message)

    def _most(self, run: Run) -> tuple[str, int]:
        """To whom a message was tried most often, and how often."""
        tried = Counter((sent.message.to, sent.message.content) for sent in run.sent)
        return max(((to, count) for (to, _), count in tried.items()), key=lambda pair: pair[1], default=("", 0))

    def amiss(self, run: Run) -> Sequence[str]:
        """A message that was tried too often."""
        return () if self._most(run)[1] <= self.at_most else ("tried too often",)

    def conclude(self, runs: Sequence[Run]) -> Finding | None:
        """Looks whether the known limit has shown."""
        if self.known is None or not self.known.is_of(runs[0].target):
            return None
        if not any(self.examine(run).known for run in runs):
            return failed("the known limit is gone, take it out")
        return passed(f"at most {self.at_most}, a known limit apart")
