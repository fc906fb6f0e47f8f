"""The result as one JSON document: what `--json` prints. Other tools rely on its keys: add, never rename."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from harness.checks import Verdict
from harness.consequences import Consequence
from harness.report.provenance import Provenance, shown
from harness.results import CheckResult, Exploration, ScenarioResult, worst


class KnownEntry(BaseModel):
    """A limit that is known and has shown: why it is so, what was seen, and the file of the shortest schedule."""

    reason: str
    message: str
    counterexample: str


class ScenarioEntry(BaseModel):
    """One scenario."""

    id: str
    file: str
    title: str
    verdict: Verdict
    reason: str | None = None
    checks: Sequence[CheckResult]
    exploration: Exploration
    faults: Sequence[Consequence] | None = None
    """The truth table: a line for each run with a fault and each job."""
    counterexample: str | None = None
    known: Sequence[KnownEntry] | None = None


class Document(BaseModel):
    """A whole run."""

    verdict: Verdict
    target: str
    postgres: str
    commit: str
    seed: int
    scenarios: list[ScenarioEntry]


def document(provenance: Provenance, results: Sequence[ScenarioResult], saved: Mapping[str, str]) -> Document:
    """The run as data. `saved` has the files of counterexamples, by their names."""
    return Document(
        verdict=worst([result.verdict for result in results]),
        target=provenance.target,
        postgres=provenance.postgres,
        commit=provenance.commit,
        seed=provenance.seed,
        scenarios=[
            ScenarioEntry(
                id=result.file.id,
                file=shown(result.file.source.file),
                title=result.file.scenario.title,
                verdict=result.verdict,
                reason=result.reason,
                checks=result.checks,
                exploration=result.exploration,
                faults=result.consequences or None,
                counterexample=next((saved[name] for name, one in result.counterexamples if one.known is None), None),
                known=[
                    KnownEntry(reason=one.known, message=one.message, counterexample=saved[name])
                    for name, one in result.counterexamples
                    if one.known is not None
                ]
                or None,
            )
            for result in results
        ],
    )


def as_json(provenance: Provenance, results: Sequence[ScenarioResult], saved: Mapping[str, str]) -> str:
    """The document's text."""
    return document(provenance, results, saved).model_dump_json(indent=2, exclude_none=True)
