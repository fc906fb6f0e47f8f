"""`cronproof verify`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cronproof.cli.console import Console, ensure_writable, kept_for_json, run_async
from cronproof.cli.options import (
    REPORTS,
    AsJson,
    Config,
    JUnit,
    Migrations,
    Postgres,
    Scenarios,
    Seed,
    ShowData,
    Sign,
    Slow,
    Target,
)
from cronproof.cli.outcome import WatchingTerminal, find_provenance, find_secrets, finish, say_what_next, tell
from cronproof.cli.selection import count_processes, select_scenarios, select_shard
from cronproof.engine.plan import Plan
from cronproof.engine.run import verify as verify_scenarios
from cronproof.errors import EnvironmentFailed
from cronproof.redaction import show_data
from cronproof.report import folder
from cronproof.report.data.record import record
from cronproof.report.views import attestation
from cronproof.report.views.sections import count


def verify(  # noqa: PLR0913, PLR0917  (a parameter for each option; typer passes them by name)
    paths: Scenarios = None,
    target: Target = None,
    config: Config = None,
    postgres: Postgres = "embedded",
    migration_files: Migrations = None,
    out: Annotated[Path, typer.Option(help="Where the folder of the run is made, with the sign-off report.")] = REPORTS,
    junit_file: JUnit = None,
    as_json: AsJson = False,
    seed: Seed = 0,
    budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Begin no scenario after this time.")
    ] = None,
    slow: Slow = False,
    shard: Annotated[
        str | None, typer.Option(metavar="K/N", help="Only one part of N of all scenarios; `report merge` joins them.")
    ] = None,
    shows_data: ShowData = False,
    key: Sign = None,
) -> None:
    """Run scenario files: a line for each check, then the sign-off report."""
    show_data(shows_data)
    files, left_out = select_scenarios(paths, slow=slow)
    files = files if shard is None else select_shard(files, shard)
    plan = Plan.from_options(target, config, migration_files, postgres=postgres, seed=seed, shows_data=shows_data)
    signer = None if key is None else attestation.signer(key)
    if junit_file is not None:
        ensure_writable(junit_file, "--junit")
    console = Console(quiet=as_json)
    terminal = WatchingTerminal(console, plan.target)
    place = folder.make_folder(out, terminal.watch.started_at)
    plan = replace(plan, workers=count_processes(plan, files), logs=place / folder.LOGS)
    with folder.keep_if_filled(place, find_secrets(plan)), kept_for_json(as_json=as_json):
        results = run_async(verify_scenarios(plan, files, budget_seconds=budget, report=terminal))
    about = find_provenance(terminal.watch, plan, files)
    about = replace(about, left_out=left_out, shard=shard, budget_seconds=budget)
    run = record(about, results, place, find_secrets(plan))
    terminal.summary(results, about.seconds)
    if left_out:
        console.say(f"{count(left_out, 'slow scenario')} left out; --slow includes them")
    try:
        folder.write(place, run, signer)
    except EnvironmentFailed:  # the verdict is not lost with the report
        tell(run, junit_file, as_json=as_json)
        raise
    folder.publish(place)
    console.say(f"\nSign-off report: {place / folder.PAGE}")
    say_what_next(run, console)
    finish(run, junit_file, as_json=as_json)
