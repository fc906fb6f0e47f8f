"""`cronproof replay`."""

from pathlib import Path
from typing import Annotated

import typer

from cronproof.cli.console import Console, run_async
from cronproof.cli.options import EXIT_CODES, Postgres
from cronproof.engine.plan import Plan
from cronproof.engine.replay import replay as replay_counterexample
from cronproof.explore.counterexample import read_counterexample
from cronproof.scenario import reader


def replay(
    file: Annotated[Path, typer.Argument(help="A counterexample that explore has saved.")],
    times: Annotated[int, typer.Option(min=1, help="How many times.")] = 1,
    pause: Annotated[bool, typer.Option("--pause", help="Stop before every step and wait for Enter.")] = False,
    target: Annotated[str | None, typer.Option(help="The target to call, instead of the file's.")] = None,
    config: Annotated[Path | None, typer.Option(help="The configuration to use, instead of the file's.")] = None,
    postgres: Postgres = "embedded",
    migration_files: Annotated[
        list[Path] | None, typer.Option("--migration", help="A migration to apply, instead of the file's. Repeatable.")
    ] = None,
) -> None:
    """Run a counterexample again, and say whether it still fails."""
    counterexample = read_counterexample(file)
    scenario = reader.read_scenario(reader.find_file(Path(counterexample.scenario)))
    if counterexample.pair is not None:
        one, other = counterexample.pair
        scenario = scenario.of((one, other))
    migrations = migration_files or [Path(name) for name in counterexample.migrations]
    of_file = None if counterexample.config is None else Path(counterexample.config)
    plan = Plan.from_options(target or counterexample.target, config or of_file, migrations, postgres=postgres)
    console = Console()
    verdict = run_async(
        replay_counterexample(plan, scenario, counterexample, times=times, pause=pause, tell=console.say)
    )
    raise typer.Exit(EXIT_CODES[verdict])
