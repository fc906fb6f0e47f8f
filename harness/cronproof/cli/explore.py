"""`cronproof explore`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cronproof.cli.console import Console, ensure_writable, kept_for_json, run_async
from cronproof.cli.options import REPORTS, AsJson, Config, JUnit, Migrations, Postgres, Seed, ShowData, Target
from cronproof.cli.outcome import (
    WatchingTerminal,
    display_command,
    find_provenance,
    find_secrets,
    finish,
    say_what_next,
)
from cronproof.engine.plan import Plan
from cronproof.engine.run import verify as verify_scenarios
from cronproof.errors import UsageError
from cronproof.explore.inside import Choice
from cronproof.redaction import show_data
from cronproof.report import folder
from cronproof.report.data.record import record
from cronproof.report.folder import write_whole
from cronproof.scenario import reader
from cronproof.scenario.interleavings import BOUNDS, INTERLEAVINGS, parse_interleavings
from cronproof.scenario.reader import ScenarioFile


def explore(  # noqa: PLR0913, PLR0917  (as verify)
    scenario: Annotated[Path, typer.Argument(help="A scenario file of two instances or more.")],
    interleavings: Annotated[
        str | None,
        typer.Option(metavar=INTERLEAVINGS, help="Which schedules; default: what the file says, else all."),
    ] = None,
    inside: Annotated[
        Choice | None,
        typer.Option(help="Inside which statements instances are held; default: what the file says."),
    ] = None,
    target: Target = None,
    config: Config = None,
    postgres: Postgres = "embedded",
    migration_files: Migrations = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the counterexample, and of an exploration to continue.")
    ] = REPORTS,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes explore.")] = 1,
    junit_file: JUnit = None,
    as_json: AsJson = False,
    seed: Seed = 0,
    budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Begin no schedule after this time.")
    ] = None,
    continues: Annotated[
        bool,
        typer.Option("--continue", help="Continue an exploration that was interrupted, or whose budget had ended."),
    ] = False,
    shows_data: ShowData = False,
) -> None:
    """Run all schedules of one scenario; of those that fail, print and save the shortest."""
    show_data(shows_data)
    file = _to_explore(reader.read_scenario(reader.find_file(scenario)), interleavings, inside)
    journal = out / f"{file.id.replace('/', '.')}.search.jsonl"
    plan = Plan.from_options(
        target,
        config,
        migration_files,
        postgres=postgres,
        seed=seed,
        workers=workers,
        journal=journal,
        continues=continues,
        logs=out / folder.LOGS,
        shows_data=shows_data,
    )
    if junit_file is not None:
        ensure_writable(junit_file, "--junit")
    ensure_writable(out / ".writable", "--out")  # counterexamples are kept until replaced
    console = Console(quiet=as_json)
    terminal = WatchingTerminal(console, plan.target)
    with kept_for_json(as_json=as_json):
        results = run_async(verify_scenarios(plan, [file], budget_seconds=budget, report=terminal))
    about = replace(find_provenance(terminal.watch, plan, [file]), budget_seconds=budget)
    run = record(about, results, out, find_secrets(plan))
    for name, counterexample in run.schedules.items():
        write_whole(out / name, counterexample.text())
    say_what_next(run, console)
    if journal.exists():
        again = [argument for argument in sys.argv[1:] if argument != "--continue"]
        console.say("\nThe exploration can continue where it ended:")
        console.say(f"  {display_command([*again, '--continue'])}")
    finish(run, junit_file, as_json=as_json)


def _to_explore(file: ScenarioFile, interleavings: str | None, inside: Choice | None) -> ScenarioFile:
    """Returns the scenario without its named orders, with the interleavings that are asked for.

    Raises:
        UsageError: it calls pairs or fewer than two instances, the interleavings are not valid, or faults keep
            statements whole that are to be taken apart.
    """
    when = file.scenario.when
    if when is not None and when.each_pair:
        raise UsageError(
            f"{file.source.file} calls every pair of {len(when.call)} crons; run it with `cronproof verify`"
        )
    if when is None or len(when.instance_list) == 1:
        raise UsageError(f"{file.source.file} calls fewer than two instances: there is nothing to explore")
    chosen = when.interleavings or "all"
    if interleavings is not None:
        try:
            chosen = parse_interleavings(interleavings)
        except ValueError:
            raise UsageError(f"--interleavings {interleavings!r} is none of: {INTERLEAVINGS}; {BOUNDS}") from None
    inside = inside or when.inside
    if inside == "all" and when.faults:
        raise UsageError("--inside all: executions with faults keep statements whole; leave it out")
    return file.with_when(orders=[], interleavings=chosen, inside=inside)
