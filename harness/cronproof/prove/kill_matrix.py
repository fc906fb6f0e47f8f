"""The kill matrix: which check caught which saboteur, and what was not caught."""

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from cronproof.checks import CHECKS
from cronproof.prove.proof import LEAST_CAUGHT, Proof
from cronproof.prove.trial import Kind, Outcome, Trial

IDS = [check.id for check in CHECKS]
NAMED, ALSO, NOT = "●", "○", "✗"


def matrix(proof: Proof) -> Iterator[str]:
    """Yields a row per saboteur, a column per check: ● the one it names, ○ others that failed."""
    width = max((len(trial.subject.name) for trial in proof.of("saboteur")), default=0) + 7
    for row in range(max(map(len, IDS))):
        yield " " * width + " ".join(name.rjust(max(map(len, IDS)))[row] for name in IDS)
    for trial in proof.of("saboteur"):
        name = f"{trial.subject.bug:6}{trial.subject.name}"
        yield (f"{name:{width}}" + " ".join(_mark(trial, name) for name in IDS)).rstrip()


def _mark(trial: Trial, check: str) -> str:
    if check == trial.subject.proves:
        return NAMED if check in trial.failed else NOT
    return ALSO if check in trial.failed else "·"


def lines(proof: Proof) -> Iterator[str]:
    """Yields the whole proof as text."""
    yield from matrix(proof)
    yield f"{NAMED} caught by the check it names   {ALSO} failed before that   {NOT} not caught by it"
    yield ""
    saboteurs, variants, mutants = proof.of("saboteur"), proof.of("variant"), proof.mutants
    if saboteurs:
        yield f"{len(saboteurs) - len(proof.uncaught)} of {len(saboteurs)} saboteurs caught by the check that they name"
    for trial in proof.uncaught:
        yield f"  {trial.subject.name} ({trial.subject.proves}): {trial.outcome}{_why(trial)}"
    if variants:
        yield f"{len(variants) - len(proof.accused)} of {len(variants)} correct variants pass"
    for trial in proof.accused:
        yield f"  {trial.subject.name}: {', '.join(trial.failed) or trial.outcome}{_why(trial)}"
    if mutants:
        caught = len(mutants) - len(proof.survivors)
        share = f"{proof.caught_share * 100:.1f} %, at least {LEAST_CAUGHT * 100:.0f} % are asked for"
        yield f"{caught} of {len(mutants)} mutants caught ({share})"
    if broken := proof.of("mutant", "broken"):
        yield f"  {len(broken)} more are refused by Postgres, or cannot be imported"
    explained = [trial for trial in proof.of("mutant") if trial.subject.name in proof.equivalent]
    if explained:
        yield f"  {len(explained)} more change nothing that matters, each for the reason given in equivalent.yaml"
    for trial in proof.survivors:
        yield f"  not caught: {trial.subject.name}{_why(trial)}"
    for name in proof.stale:
        yield f"  explained as equivalent, but caught or no longer generated: {name}"


def _why(trial: Trial) -> str:
    if trial.outcome == "timed out":
        return " (timed out)"
    reason = trial.message or (trial.doubts[0] if trial.doubts else None)
    return f" ({trial.scenario}: {reason})" if trial.scenario else f" ({reason})" if reason else ""


class TrialEntry(BaseModel):
    """One trial."""

    name: str
    kind: Kind
    bug: str | None = None
    proves: str | None = None
    outcome: Outcome
    failed: Sequence[str]
    scenario: str | None = None
    message: str | None = None
    explained: str | None = None
    seconds: float


class ProofDocument(BaseModel):
    """A whole proof, as `--json` prints it. Keys may be added, but never renamed."""

    holds: bool
    seconds: float
    caught_share: float
    trials: Sequence[TrialEntry]


def document(proof: Proof) -> ProofDocument:
    """Returns the proof as data."""
    return ProofDocument(
        holds=proof.holds,
        seconds=proof.seconds,
        caught_share=proof.caught_share,
        trials=[
            TrialEntry(
                name=trial.subject.name,
                kind=trial.subject.kind,
                bug=trial.subject.bug or None,
                proves=trial.subject.proves,
                outcome=trial.outcome,
                failed=trial.failed,
                scenario=trial.scenario,
                message=trial.message,
                explained=proof.equivalent.get(trial.subject.name),
                seconds=round(trial.seconds, 3),
            )
            for trial in proof.trials
        ],
    )
