"""Evaluates the checks: on the evidence of each execution, then on all of it together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from cronproof.checks.check import Check
from cronproof.engine.unmet import Met
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, Verdict, inconclusive
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.evidence.message_outcomes import find_message_outcomes
from cronproof.explore.named_orders import ROWS_LOCKED
from cronproof.scenario.choices import find_choices
from cronproof.scenario.scenario import Scenario


def evaluate(checks: Sequence[Check], evidence: Evidence) -> Evidence:
    """Returns the evidence with the findings, the anomalies and, under faults, message outcomes."""
    if evidence.inconclusive_reason is None and not any(check.judges_answers for check in checks):
        evidence = replace(evidence, inconclusive_reason=evidence.find_failed_start())
    return replace(
        evidence,
        findings=[_examine(check, evidence) for check in checks],
        anomalies=list(dict.fromkeys(word for check in checks for word in check.anomalies(evidence))),
        message_outcomes=_message_outcomes(checks, evidence) if evidence.injected_faults else (),
    )


def _examine(check: Check, evidence: Evidence) -> Finding:
    """Examines the evidence. If the execution was cut short, it proves nothing. If a call was
    refused, it proves nothing else: nobody knows what the answer would have led to.
    """
    if evidence.inconclusive_reason:
        return inconclusive(evidence.inconclusive_reason)
    if evidence.blocked_calls and not check.is_about_refused_hosts:
        call = evidence.blocked_calls[0]
        return inconclusive(f"{call.instance or 'an instance'} called {urlsplit(call.url).netloc}, which was refused")
    finding = check.examine(evidence)
    is_certain = finding.verdict == "FAIL" and not check.may_change_in_recovery
    return inconclusive(evidence.did_not_settle) if evidence.did_not_settle and not is_certain else finding


def _message_outcomes(checks: Sequence[Check], evidence: Evidence) -> Sequence[MessageOutcome]:
    found = [one for check in checks for one in check.message_outcomes(evidence)]
    outcomes = found or list(find_message_outcomes(evidence))
    if evidence.inconclusive_reason is None:
        return outcomes
    return [replace(one, known=None, doubt=evidence.inconclusive_reason) for one in outcomes]


@dataclass(frozen=True)
class ExecutionSummary:
    """The result of an explored execution. Only the first one of a `key` has the evidence."""

    key: str
    failed: bool
    inconclusive_reason: str | None
    outcome: str
    summary: str
    waits: int
    evidence: Evidence | None
    known: Sequence[str] = ()
    """The reasons of the known limits that have shown."""
    anomalies: Sequence[str] = ()
    is_recorded: bool = False

    @classmethod
    def without_evidence(cls, reason: str) -> ExecutionSummary:
        """Makes the summary of an inconclusive execution."""
        return cls("", failed=False, inconclusive_reason=reason, outcome="", summary="", waits=0, evidence=None)

    @classmethod
    def from_evidence(cls, evidence: Evidence, key: str) -> ExecutionSummary:
        """Makes the summary of evaluated evidence."""
        return cls(
            key,
            failed=any(finding.verdict == "FAIL" for finding in evidence.findings),
            inconclusive_reason=evidence.inconclusive_reason,
            outcome=hashlib.sha256(evidence.outcome.encode()).hexdigest(),
            summary=evidence.summary,
            waits=len(evidence.waits),
            evidence=evidence,
            known=[reason for finding in evidence.findings for reason in finding.known],
            anomalies=evidence.anomalies,
        )


@dataclass(frozen=True)
class CheckResult:
    """A check's verdict over all executions: FAIL if it failed in any. `order` names that one."""

    id: str
    verdict: Verdict
    message: str
    order: str | None = None


_RANK: Mapping[Verdict, int] = {"PASS": 0, "INCONCLUSIVE": 1, "FAIL": 2}


@dataclass
class FindingCollector:
    """Collects the first FAIL of each check, else its first INCONCLUSIVE, else its first PASS.

    With drawn rows, faults or locked rows, an execution may have nothing to check. Then its
    INCONCLUSIVE does not count if another execution passes.
    """

    scenario: Scenario
    evidence: list[Evidence] = field(default_factory=list)
    met: Met = field(default_factory=Met)
    _found: dict[int, tuple[Finding, int, str]] = field(default_factory=dict)
    _stop_reason: str | None = None

    def __post_init__(self) -> None:
        faulty = self.scenario.when is not None and bool(self.scenario.when.faults)
        self._executions_differ = bool(find_choices(self.scenario)) or faulty

    def add(self, evidence: Evidence, *, first: bool = False) -> None:
        """Adds evaluated evidence. `first` puts it before the other evidence."""
        self.met.add(evidence)
        self.evidence.insert(0 if first else len(self.evidence), evidence)
        may_show_nothing = self._executions_differ or evidence.order.startswith(ROWS_LOCKED)
        for number, finding in enumerate(evidence.findings):
            rank = _RANK[finding.verdict]
            is_in_doubt = evidence.inconclusive_reason is not None or evidence.blocked_calls
            if may_show_nothing and finding.verdict == "INCONCLUSIVE" and not is_in_doubt:
                rank = -1
            _, before, _ = self._found.get(number, (finding, -2, ""))
            if rank > before or (first and rank == before):
                self._found[number] = finding, rank, evidence.order

    def stop(self, reason: str) -> None:
        """Notes that not everything was executed: a PASS becomes INCONCLUSIVE."""
        self._stop_reason = reason

    @property
    def has_failed(self) -> bool:
        """Whether a check failed in any execution so far."""
        return any(finding.verdict == "FAIL" for finding, _, _ in self._found.values())

    def results(self) -> list[CheckResult]:
        """Returns the result of each check, in the order of the file."""
        results = []
        stop_reason = self._stop_reason or (None if self.has_failed else self.met.find_unmet(self.scenario))
        for number, check in enumerate(self.scenario.checks):
            nothing = Finding("INCONCLUSIVE", stop_reason or "nothing was run"), 0, ""
            finding, _, order = self._found.get(number, nothing)
            if stop_reason is not None and finding.verdict == "PASS":
                finding, order = Finding("INCONCLUSIVE", stop_reason), ""
            elif finding.verdict == "PASS":
                findings = [one.findings[number] for one in self.evidence]
                finding = check.conclude(self.evidence, findings) or finding
            shown = order if finding.verdict != "PASS" or len(self.evidence) == 1 else None
            results.append(CheckResult(check.id, finding.verdict, finding.message, shown or None))
        return results
