"""delivery: how often each message was accepted, faults and the runs after them included, and where that is known to fall
short.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from cronproof.checks.check import Check, Finding, failed, listed, passed
from cronproof.checks.known import Limit
from cronproof.evidence.evidence import JobId, Met, Run
from cronproof.evidence.message_outcomes import Amiss, Awaited, Consequence, Delivered, consequences
from cronproof.gate.fault import FaultName
from cronproof.strict_model import Parameters

Expected = Literal["exactly once", "at most once", "at least once"]
_ALLOWED: dict[Expected, frozenset[Delivered]] = {
    "exactly once": frozenset({"once"}),
    "at most once": frozenset({"never", "once"}),
    "at least once": frozenset({"once", "twice"}),
}


class Known(Limit):
    """A limit that is known: what comes of a fault, or of instances that run at once, and why it is so. It does not fail;
    when it is gone, that does.
    """

    fault: Annotated[
        list[FaultName],
        BeforeValidator(listed, json_schema_input_type=FaultName | list[FaultName]),
        Field(description="The fault, or several of which this is so; any or none, when left out."),
    ] = []
    at: Annotated[
        list[str],
        BeforeValidator(listed, json_schema_input_type=str | list[str]),
        Field(description="Only at some of these points, by the names that the matrix has; at any, when left out."),
    ] = []
    to: Annotated[str | None, Field(description="Only of messages to them; of any, when left out.")] = None
    outcome: Annotated[Delivered, Field(description="How often the message is accepted then.")]

    def covers(self, target: str, one: Consequence, to: str | None) -> bool:
        """Whether what became of a message is within the limit, on a target; `to` says to whom it is, if it is of no job."""
        if self.to not in {None, to}:
            return False
        met = not self.fault or any(met.fault in self.fault and self._is_at(met) for met in one.faults)
        return self.is_of(target) and self.outcome == one.delivered and met

    def _is_at(self, met: Met) -> bool:
        return not self.at or f"{met.instance}: {met.point}" in self.at

    def __str__(self) -> str:
        where = f" at {' or '.join(self.at)}" if self.at else ""
        return f"{', '.join(self.fault) or 'any run'}{where}: {self.outcome}"


class Delivery(Parameters, Check):
    """Each of these messages is accepted exactly once (or as often as is said), the runs of the recovery included; where a
    limit is known, it may be otherwise.
    """

    id: ClassVar[str] = "delivery"
    needs_recovery: ClassVar[bool] = True
    asks_for_more: ClassVar[bool] = True
    of_jobs: ClassVar[bool] = True
    jobs: Annotated[list[JobId], Field(description="The jobs whose messages are counted, by id.")] = []
    messages: Annotated[list[Awaited], Field(description="Messages that are about no job with a mark.")] = []
    expected: Annotated[Expected, Field(description="How often each message is to be accepted.")] = "exactly once"
    known: Annotated[list[Known], Field(description="Where it is known to be otherwise.")] = []

    @model_validator(mode="after")
    def _something_is_counted(self) -> Self:
        if not self.jobs and not self.messages:
            raise ValueError("name `jobs` or `messages` to count")
        return self

    @property
    def tables(self) -> list[str]:
        """The tables that the messages' rows are in."""
        return [table for message in self.messages for table in message.row]

    def examine(self, run: Run) -> Finding:
        """Counts each message. Where a limit is known it may show."""
        reasons: list[str] = []
        shown = ""
        for one in self.of(run):
            if one.delivered in _ALLOWED[self.expected]:
                continue
            if one.known is None:
                return failed(f"{one.about}{one.where}: {_said(one.delivered)}, not {self.expected}")
            reasons.append(one.known)
            shown = shown or f"{one.about}{one.where}: {_said(one.delivered)}, as is known"
        return Finding("PASS", shown or self.expected, tuple(dict.fromkeys(reasons)))

    def of(self, run: Run) -> list[Consequence]:
        """What became of each message, and why, if that is known."""
        return [replace(one, known=self._reason(run.target, one, to)) for one, to in self._came(run)]

    def _came(self, run: Run) -> Iterator[tuple[Consequence, str | None]]:
        """What became of each message, with the recipient of those that are of no job."""
        for one in consequences(run, self.jobs):
            yield one, None
        for message in self.messages:
            for one in consequences(run, [], [message]):
                yield one, message.to

    def amiss(self, run: Run) -> Sequence[Amiss]:
        """Messages that came twice or never."""
        wrong = [one.amiss for one in self.of(run) if one.delivered not in _ALLOWED[self.expected]]
        return list(dict.fromkeys(filter(None, wrong)))

    def _reason(self, target: str, one: Consequence, to: str | None) -> str | None:
        return next((known.reason for known in self.known if known.covers(target, one, to)), None)

    def conclude(self, runs: Sequence[Run]) -> Finding:
        """Looks whether every known limit has shown, and says which have."""
        came = [(run.target, one, to) for run in runs for one, to in self._came(run)]
        of_target = [known for known in self.known if known.is_of(runs[0].target if runs else "")]
        gone = [str(known) for known in of_target if not any(known.covers(*one) for one in came)]
        if gone:
            return failed(f"a known limit is gone, take it out: {'; '.join(gone)}")
        faults = sum(1 for run in runs if run.met)
        counted = f"{self.expected} under {faults} faults" if faults else self.expected
        return passed(counted + (f", {len(of_target)} known limits apart" if of_target else ""))


def _said(delivered: Delivered) -> str:
    return {"never": "its message was never accepted", "once": "its message was accepted once"}.get(
        delivered, "its message was accepted twice or more"
    )
