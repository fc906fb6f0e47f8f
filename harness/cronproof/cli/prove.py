"""`cronproof prove`."""

import os
import time
from typing import Annotated

import typer

from cronproof.cli.console import Console, run_async
from cronproof.cli.options import AsJson, Config, Postgres
from cronproof.config.config_file import find_config
from cronproof.errors import UsageError
from cronproof.prove import kill_matrix
from cronproof.prove.proof import prove as prove_subjects
from cronproof.prove.proof import read_declared
from cronproof.prove.trial import Trial
from cronproof.report.views.progress import Progress


def prove(
    only: Annotated[
        list[str] | None,
        typer.Argument(help="Saboteurs, variants and mutants whose names contain this.", show_default="all"),
    ] = None,
    config: Config = None,
    postgres: Postgres = "embedded",
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes.")] = os.cpu_count() or 1,
    as_json: AsJson = False,
) -> None:
    """Prove that the checks catch what they claim to catch: saboteurs, mutants, and variants that are right."""
    declared = read_declared(find_config(config))
    chosen = [subject for subject in declared.subjects if not only or any(word in subject.name for word in only)]
    if not chosen:
        raise UsageError(f"nothing is named {' or '.join(map(repr, only or []))}; docs/proof.md has all names")
    console = Console(quiet=as_json)
    say = console.say
    say(f"{len(chosen)} implementations on trial, {workers} at a time")
    progress, started = Progress(), time.monotonic()

    def observe(trial: Trial, ended: int, of: int) -> None:
        progress.show(lambda: f"{ended} of {of} tried, the last {trial.subject.name}: {trial.outcome}", started)

    found = run_async(prove_subjects(postgres, declared, chosen, workers=workers, observe=observe))
    progress.clear()
    for line in kill_matrix.lines(found):
        say(line)
    say(f"\n{'PROVEN' if found.holds else 'NOT PROVEN'} in {found.seconds:.0f} s")
    if as_json:
        Console().out(kill_matrix.document(found).model_dump_json(indent=2, exclude_none=True), highlight=False)
    raise typer.Exit(0 if found.holds else 1)
