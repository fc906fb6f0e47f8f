"""delivery: how often each message was accepted, faults and the recovery included."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from cronproof.checks.check import Check, as_list
from cronproof.checks.known_limit import KnownLimit
from cronproof.checks.named_units import UnitsField
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.evidence.message_outcome import Anomaly, Delivered, ExpectedMessage, MessageOutcome
from cronproof.evidence.message_outcomes import find_message_outcomes
from cronproof.gate.trace import InjectedFault
from cronproof.services.errors import FaultWord
from cronproof.strict_model import StrictModel

Expected = Literal["exactly once", "at most once", "at least once"]
_ALLOWED: dict[Expected, frozenset[Delivered]] = {
    "exactly once": frozenset({"once"}),
    "at most once": frozenset({"never", "once"}),
    "at least once": frozenset({"once", "twice"}),
}


class KnownOutcome(KnownLimit):
    """A known limit: how often a message is accepted under certain faults, and the reason."""

    fault: Annotated[
        list[FaultWord],
        BeforeValidator(as_list, json_schema_input_type=FaultWord | list[FaultWord]),
        Field(description="The fault, or several; any when left out and, without `at`, none."),
    ] = []
    at: Annotated[
        list[str],
        BeforeValidator(as_list, json_schema_input_type=str | list[str]),
        Field(description="Only at these points, by the names that the fault matrix has; at any when left out."),
    ] = []
    to: Annotated[str | None, Field(description="Only of messages to this recipient; of any when left out.")] = None
    outcome: Annotated[
        Delivered, Field(description="How often the message is accepted then: `twice` also stands for more.")
    ]
    times: Annotated[int, Field(ge=2, description="At most how often, where it is accepted `twice`.")] = 2
    by: Annotated[
        Literal["another call", "the same call"],
        Field(description="Which call sends it again, where it is accepted `twice`."),
    ] = "another call"

    def covers(self, target: str, outcome: MessageOutcome, to: str | None) -> bool:
        """Whether the limit allows an outcome. `to`: the recipient of a message without a unit."""
        if self.to not in {None, to}:
            return False
        is_met = any((not self.fault or one.fault in self.fault) and self._is_at(one) for one in outcome.faults)
        is_met |= not self.fault and not self.at
        return self.applies_to(target) and self.outcome == outcome.delivered and is_met and self._is_as_often(outcome)

    def _is_as_often(self, outcome: MessageOutcome) -> bool:
        if self.outcome != "twice":
            return True
        return outcome.count <= self.times and outcome.is_of_one_call == (self.by == "the same call")

    def _is_at(self, fault: InjectedFault) -> bool:
        return not self.at or f"{fault.instance}: {fault.point}" in self.at

    def __str__(self) -> str:
        where = f" at {' or '.join(self.at)}" if self.at else ""
        return f"{', '.join(self.fault) or 'any execution'}{where}: {self.outcome}"


class Delivery(StrictModel, Check):
    """Each message is accepted as often as expected, the recovery included. Known limits pass."""

    id: ClassVar[str] = "delivery"
    needs_recovery: ClassVar[bool] = True
    may_change_in_recovery: ClassVar[bool] = True
    is_about_units: ClassVar[bool] = True
    may_repeat: ClassVar[bool] = True
    units: Annotated[UnitsField | None, Field(description="The units whose messages are counted, by id.")] = None
    messages: Annotated[list[ExpectedMessage], Field(description="Messages that belong to no unit of work.")] = []
    expected: Annotated[Expected, Field(description="How often each message must be accepted.")] = "exactly once"
    known: Annotated[list[KnownOutcome], Field(description="Where it is known to be otherwise.")] = []

    @model_validator(mode="after")
    def _something_is_counted(self) -> Self:
        if not self.units and not self.messages:
            raise ValueError("name `units` or `messages` to count")
        return self

    @property
    def tables(self) -> list[str]:
        """The tables of the messages' rows."""
        return [table for message in self.messages for table in message.row]

    @property
    def named_columns(self) -> Iterator[tuple[Sequence[str | int], str, Collection[str]]]:
        """Those of the messages' rows."""
        for number, message in enumerate(self.messages):
            for table, row in message.row.items():
                yield ["messages", number, "row", table], table, row

    @property
    def named_faults(self) -> Iterator[tuple[Sequence[str | int], str]]:
        """Those of its known limits."""
        for number, known in enumerate(self.known):
            for position, fault in enumerate(known.fault):
                yield ["known", number, "fault", position], fault

    def examine(self, evidence: Evidence) -> Finding:
        """Counts each message. A known limit passes."""
        if unknown := evidence.find_unknown(self.units or ()):
            return inconclusive(unknown)
        reasons: list[str] = []
        shown = ""
        for one in self.message_outcomes(evidence):
            if one.delivered in _ALLOWED[self.expected]:
                continue
            if one.known is None:
                return failed(f"{one.about}{one.where}: its message was {one.in_words}, not {self.expected}")
            reasons.append(one.known)
            shown = shown or f"{one.about}{one.where}: its message was {one.in_words}, as is known"
        return Finding("PASS", shown or self.expected, tuple(dict.fromkeys(reasons)))

    def message_outcomes(self, evidence: Evidence) -> list[MessageOutcome]:
        """Returns each message's outcome, with the reason of the known limit that covers it."""
        return [replace(one, known=self._reason(evidence.target, one, to)) for one, to in self._outcomes(evidence)]

    def _outcomes(self, evidence: Evidence) -> Iterator[tuple[MessageOutcome, str | None]]:
        """Yields each message's outcome, with the recipient if it belongs to no unit."""
        for one in find_message_outcomes(evidence, self.units or ()):
            yield one, None
        yield from zip(
            find_message_outcomes(evidence, [], self.messages), (message.to for message in self.messages), strict=True
        )

    def anomalies(self, evidence: Evidence) -> Sequence[Anomaly]:
        """Returns the kinds of anomalies among messages not accepted as often as expected."""
        wrong = [one for one in self.message_outcomes(evidence) if one.delivered not in _ALLOWED[self.expected]]
        return list(dict.fromkeys(one.anomaly for one in wrong if one.anomaly is not None))

    def _reason(self, target: str, outcome: MessageOutcome, to: str | None) -> str | None:
        return next((known.reason for known in self.known if known.covers(target, outcome, to)), None)

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding:  # noqa: ARG002  (counts anew)
        """Fails if a known limit never showed. Otherwise counts the executions with faults."""
        outcomes = [(one.target, outcome, to) for one in evidence for outcome, to in self._outcomes(one)]
        of_target = [known for known in self.known if known.applies_to(evidence[0].target if evidence else "")]
        vanished_limits = [str(known) for known in of_target if not any(known.covers(*outcome) for outcome in outcomes)]
        if vanished_limits:
            return failed(f"a known limit no longer shows, remove it: {'; '.join(vanished_limits)}")
        faults = sum(1 for one in evidence if one.injected_faults)
        counted = f"{self.expected} under {faults} faults" if faults else self.expected
        return passed(counted + (f", {len(of_target)} known limits apart" if of_target else ""))
