"""The result as one JSON document: what `--json` prints. Other tools rely on its keys: add, never rename."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from harness.checks import Verdict
from harness.report.provenance import Provenance, shown
from harness.runner import ScenarioResult, worst


class CheckEntry(BaseModel):
    """One check of a scenario. `order` names the order of instances in which it was seen, where there were several."""

    id: str
    verdict: Verdict
    message: str
    order: str | None = None


class ExplorationEntry(BaseModel):
    """How many orders were played, and what they came to."""

    strategy: str
    schedules: int
    exhausted: bool
    distinct_outcomes: int
    blocked_waits: int
    seconds: float


class ScenarioEntry(BaseModel):
    """One scenario."""

    id: str
    file: str
    title: str
    verdict: Verdict
    reason: str | None = None
    checks: list[CheckEntry]
    exploration: ExplorationEntry


class Document(BaseModel):
    """A whole run."""

    verdict: Verdict
    target: str
    postgres: str
    commit: str
    seed: int
    scenarios: list[ScenarioEntry]


def document(provenance: Provenance, results: Sequence[ScenarioResult]) -> Document:
    """The run as data."""
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
                checks=[CheckEntry.model_validate(check, from_attributes=True) for check in result.checks],
                exploration=ExplorationEntry.model_validate(result.exploration, from_attributes=True),
            )
            for result in results
        ],
    )


def as_json(provenance: Provenance, results: Sequence[ScenarioResult]) -> str:
    """The document's text."""
    return document(provenance, results).model_dump_json(indent=2, exclude_none=True)
