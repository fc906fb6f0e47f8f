"""Evaluates the checks: once for each piece of evidence, and then over all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, Verdict, inconclusive
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.evidence.message_outcomes import find_message_outcomes
from cronproof.explore.named_orders import ROWS_LOCKED
from cronproof.scenario.choices import find_choices
from cronproof.scenario.scenario import Scenario


def evaluate(checks: Sequence[Check], evidence: Evidence) -> Evidence:
    """The evidence with the findings of the checks, the anomalies and, under faults, what became of each message."""
    is_faulty = evidence.injected_faults and evidence.inconclusive_reason is None
    return replace(
        evidence,
        findings=[_examine(check, evidence) for check in checks],
        anomalies=list(dict.fromkeys(word for check in checks for word in check.anomalies(evidence))),
        message_outcomes=_message_outcomes(checks, evidence) if is_faulty else (),
    )


def _examine(check: Check, evidence: Evidence) -> Finding:
    """An execution that was cut short proves nothing: what is missing may be missing for that reason."""
    if evidence.inconclusive_reason:
        return inconclusive(evidence.inconclusive_reason)
    finding = check.examine(evidence)
    is_certain = finding.verdict == "FAIL" and not check.may_change_in_recovery
    return inconclusive(evidence.did_not_settle) if evidence.did_not_settle and not is_certain else finding


def _message_outcomes(checks: Sequence[Check], evidence: Evidence) -> Sequence[MessageOutcome]:
    for check in checks:
        if outcomes := check.message_outcomes(evidence):
            return outcomes
    return list(find_message_outcomes(evidence))


@dataclass(frozen=True)
class ExecutionSummary:
    """What an execution of an exploration came to. Those of one `key` share the evidence, which came with the first."""

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
        """Of an execution that proves nothing."""
        return cls("", failed=False, inconclusive_reason=reason, outcome="", summary="", waits=0, evidence=None)

    @classmethod
    def from_evidence(cls, evidence: Evidence, key: str) -> ExecutionSummary:
        """Of evidence that was evaluated."""
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
    """What a check found in all executions of a scenario: FAIL if it failed in any. `order` says in which."""

    id: str
    verdict: Verdict
    message: str
    order: str | None = None


_RANK: Mapping[Verdict, int] = {"PASS": 0, "INCONCLUSIVE": 1, "FAIL": 2}


@dataclass
class FindingCollector:
    """Collects findings: of each check the first failure, else the first doubt, else what was found first.

    Where rows are drawn, faults injected or rows locked, an execution may have nothing to show. That is no doubt if others
    have.
    """

    scenario: Scenario
    evidence: list[Evidence] = field(default_factory=list)
    _found: dict[int, tuple[Finding, int, str]] = field(default_factory=dict)
    _stopped: str | None = None

    def __post_init__(self) -> None:
        faulty = self.scenario.when is not None and bool(self.scenario.when.faults)
        self._executions_differ = bool(find_choices(self.scenario)) or faulty

    def add(self, evidence: Evidence, *, first: bool = False) -> None:
        """Adds evidence that was evaluated; `first` puts it before what was there."""
        self.evidence.insert(0 if first else len(self.evidence), evidence)
        may_show_nothing = self._executions_differ or evidence.order == ROWS_LOCKED
        for number, finding in enumerate(evidence.findings):
            rank = _RANK[finding.verdict]
            if may_show_nothing and finding.verdict == "INCONCLUSIVE" and evidence.inconclusive_reason is None:
                rank = -1
            _, before, _ = self._found.get(number, (finding, -2, ""))
            if rank > before or (first and rank == before):
                self._found[number] = finding, rank, evidence.order

    def stop(self, reason: str) -> None:
        """Notes that not everything was executed: what did not fail is not known to hold."""
        self._stopped = reason

    @property
    def has_failed(self) -> bool:
        """Whether a check failed in any execution so far."""
        return any(finding.verdict == "FAIL" for finding, _, _ in self._found.values())

    def results(self) -> list[CheckResult]:
        """One for each check, in the order of the file."""
        results = []
        for number, check in enumerate(self.scenario.checks):
            nothing = Finding("INCONCLUSIVE", self._stopped or "nothing was run"), 0, ""
            finding, _, order = self._found.get(number, nothing)
            if self._stopped is not None and finding.verdict == "PASS":
                finding, order = Finding("INCONCLUSIVE", self._stopped), ""
            elif finding.verdict == "PASS":
                findings = [one.findings[number] for one in self.evidence]
                finding = check.conclude(self.evidence, findings) or finding
            shown = order if finding.verdict != "PASS" or len(self.evidence) == 1 else None
            results.append(CheckResult(check.id, finding.verdict, finding.message, shown or None))
        return results
