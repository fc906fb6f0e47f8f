"""Merges the shards of a run into one document."""

from collections.abc import Mapping
from pathlib import Path

from cronproof.errors import UsageError
from cronproof.evidence.finding import worst
from cronproof.paths import display_path
from cronproof.report.data.document import Document, KnownEntry, ScenarioEntry
from cronproof.report.data.risk import join_risks

SAME = ("target", "commit", "dirty", "postgres", "seed", "migrations", "versions")


def check_shards(shards: Mapping[Path, Document]) -> None:
    """Checks that these are all the shards of one run.

    Raises:
        UsageError: one is missing or there twice, or they verify different things.
    """
    parts = {place: run.shard for place, run in shards.items()}
    for place, part in parts.items():
        if part is None:
            raise UsageError(f"{place} is not a shard: it was not made with --shard")
    of = {str(part).partition("/")[2] for part in parts.values()}
    if len(of) > 1:
        raise UsageError(f"these are not shards of one run: {', '.join(sorted(map(str, parts.values())))}")
    needed = [f"{number}/{next(iter(of))}" for number in range(1, int(next(iter(of))) + 1)]
    if missing := [part for part in needed if part not in parts.values()]:
        raise UsageError(f"shard {' and '.join(missing)} is missing: without it nothing is known of its scenarios")
    first, one = next(iter(shards.items()))
    seen: dict[str | None, Path] = {}
    for place, run in shards.items():
        if run.shard in seen:
            raise UsageError(f"shard {run.shard} is there twice: {seen[run.shard]} and {place}")
        seen[run.shard] = place
        for name in SAME:
            if getattr(run, name) != getattr(one, name):
                raise UsageError(f"{first} and {place} verify different things: {name} is not the same")


def merge_documents(shards: Mapping[Path, Document], folder: Path) -> Document:
    """Merges complete shards. `folder` is where the counterexamples will be."""
    runs = sorted(shards.values(), key=lambda run: int(str(run.shard).partition("/")[0]))
    first = runs[0]
    scenarios = sorted((one for run in runs for one in run.scenarios), key=lambda one: one.id)
    files = {one.file: one for run in runs for one in run.files}
    return first.model_copy(  # every shard's `left_out` already counts all scenarios
        update={
            "id": folder.name,
            "verdict": worst([run.verdict for run in runs]),
            "started": min(run.started for run in runs),
            "seconds": max(run.seconds for run in runs),
            "command": " && ".join(run.command for run in runs),
            "shard": None,
            "interrupted": any(run.interrupted for run in runs),
            "files": [files[name] for name in sorted(files)],
            "scenarios": [_moved(one, folder) for one in scenarios],
            "risks": join_risks([run.risks for run in runs], runs[0].crons),
        }
    )


def _moved(scenario: ScenarioEntry, folder: Path) -> ScenarioEntry:
    def place(file: str) -> str:
        return display_path(folder / Path(file).name)

    known: list[KnownEntry] | None = None
    if scenario.known is not None:
        known = [one.model_copy(update={"counterexample": place(one.counterexample)}) for one in scenario.known]
    counterexample = None if scenario.counterexample is None else place(scenario.counterexample)
    return scenario.model_copy(update={"counterexample": counterexample, "known": known})
