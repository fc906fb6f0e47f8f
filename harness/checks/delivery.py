"""delivery: how often each job's message was accepted, faults and the runs after them included, and where that is known to
fall short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from harness.checks.check import Check, Finding, Parameters, failed, listed, passed
from harness.consequences import Consequence, Delivered, consequences
from harness.evidence import JobId, Met, Run
from harness.explore.fault import FaultName

Expected = Literal["exactly once", "at most once", "at least once"]
_ALLOWED: dict[Expected, frozenset[Delivered]] = {
    "exactly once": frozenset({"once"}),
    "at most once": frozenset({"never", "once"}),
    "at least once": frozenset({"once", "twice"}),
}


class Known(Parameters):
    """A limit that is known: what comes of a fault, and why it is so. It does not fail; when it is gone, that does."""

    fault: Annotated[
        list[FaultName],
        BeforeValidator(listed, json_schema_input_type=FaultName | list[FaultName]),
        Field(description="The fault, or several of which this is so; of every run, when left out."),
    ] = []
    at: Annotated[
        list[str],
        BeforeValidator(listed, json_schema_input_type=str | list[str]),
        Field(description="Only at some of these points, by the names that the matrix has; at any, when left out."),
    ] = []
    outcome: Annotated[Delivered, Field(description="How often the message is accepted then.")]
    reason: Annotated[str, Field(min_length=1, description="Why nothing better can be had, or is not had yet.")]
    targets: Annotated[list[str], Field(description="Of these targets; of any, when left out.")] = []

    def covers(self, target: str, met: Sequence[Met]) -> bool:
        """Whether the limit is one of a target at what a run met."""
        return self.is_of(target) and (
            not self.fault or any(one.fault in self.fault and self._is_at(one) for one in met)
        )

    def is_of(self, target: str) -> bool:
        """Whether the limit is one of a target."""
        return not self.targets or target in self.targets

    def _is_at(self, met: Met) -> bool:
        return not self.at or f"{met.instance}: {met.point}" in self.at

    def __str__(self) -> str:
        where = f" at {' or '.join(self.at)}" if self.at else ""
        return f"{', '.join(self.fault) or 'always'}{where}: {self.outcome}"


class Delivery(Parameters, Check):
    """The message of each of these jobs is accepted exactly once (or as often as is said), the runs of the recovery
    included; under faults for which something else is known, just that.
    """

    id: ClassVar[str] = "delivery"
    needs_recovery: ClassVar[bool] = True
    asks_for_more: ClassVar[bool] = True
    of_jobs: ClassVar[bool] = True
    jobs: Annotated[list[JobId], Field(min_length=1, description="The jobs whose messages are counted, by id.")]
    expected: Annotated[Expected, Field(description="How often each message is to be accepted.")] = "exactly once"
    known: Annotated[list[Known], Field(description="Where it is known to be otherwise.")] = []

    def examine(self, run: Run) -> Finding:
        """Counts each job's messages. Where a limit is known it may show; of every run, it must."""
        for one in consequences(run, self.jobs):
            limits = [known for known in self.known if known.covers(run.target, run.met)]
            certain = {known.outcome for known in limits if not known.fault}
            allowed = certain or _ALLOWED[self.expected] | {known.outcome for known in limits}
            if one.delivered in allowed:
                continue
            if certain:
                stated = " or ".join(sorted(certain))
                return failed(f"job {one.job}{one.where}: {_said(one.delivered)}, though known is {stated!r}")
            return failed(f"job {one.job}{one.where}: {_said(one.delivered)}, not {self.expected}")
        return passed(f"{self.expected}")

    def reason(self, target: str, one: Consequence) -> str | None:
        """Why it came to this, if that is known."""
        limits = [known for known in self.known if known.covers(target, one.faults)]
        return next((known.reason for known in limits if known.outcome == one.delivered), None)

    def conclude(self, runs: Sequence[Run]) -> Finding:
        """Looks whether every known limit has shown, and says which have."""
        came = [(run, {one.delivered for one in consequences(run, self.jobs)}) for run in runs]
        of_target = [known for known in self.known if known.is_of(runs[0].target if runs else "")]
        gone = [
            str(known)
            for known in of_target
            if not any(known.outcome in delivered and known.covers(run.target, run.met) for run, delivered in came)
        ]
        if gone:
            return failed(f"a known limit is gone, take it out: {'; '.join(gone)}")
        faults = sum(1 for run in runs if run.met)
        counted = f"{self.expected} under {faults} faults" if faults else self.expected
        return passed(counted + (f", {len(of_target)} known limits apart" if of_target else ""))


def _said(delivered: Delivered) -> str:
    return {"never": "its message was never accepted", "once": "its message was accepted once"}.get(
        delivered, "its message was accepted twice or more"
    )
