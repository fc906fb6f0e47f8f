"""`cronproof doctor`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cronproof.cli.console import Console, run_async
from cronproof.cli.options import REPORTS, Config, Postgres
from cronproof.config.config_file import DEFAULT_FILE, ConfigFile
from cronproof.engine.plan import Plan
from cronproof.report import folder
from cronproof.scenario import reader
from cronproof.setup.doctor import examine_machine, examine_target


def doctor(
    target: Annotated[str | None, typer.Option(help="Start this target, and call each cron once.")] = None,
    config: Config = None,
    postgres: Postgres = "embedded",
    out: Annotated[Path, typer.Option(help="Folder of what the target writes.")] = REPORTS,
) -> None:
    """Examine this machine, or a target, and say what is missing."""
    console = Console()

    async def examined() -> bool:
        missing = False
        if target is None:
            findings = examine_machine(postgres)
        else:
            plan = Plan.from_options(target, config, None, postgres=postgres, logs=out / folder.LOGS)
            beside = (config or DEFAULT_FILE).parent / reader.SCENARIOS
            examples = reader.find_files([beside]) if any(beside.rglob("*.yaml")) else []
            findings = examine_target(plan, reader.read_scenarios(examples))
        async for finding in findings:
            missing |= finding.state == "missing"
            console.say(f"{finding.state:8} {finding.what}")
        return missing

    missing = run_async(examined())
    file = config or DEFAULT_FILE
    if target is None and file.is_file():
        name = next(iter(ConfigFile(file).targets))
        where = "" if config is None else f" --config {shlex.quote(str(config))}"
        console.say(f"To start a target and call each of its crons: cronproof doctor --target {name}{where}")
    raise typer.Exit(3 if missing else 0)
