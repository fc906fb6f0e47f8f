"""`cronproof init`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cronproof.cli.console import Console
from cronproof.config.config_file import ConfigFile
from cronproof.setup.init import write_config


def init(
    folder: Annotated[Path, typer.Argument(help="The application's folder.", show_default=".")] = Path(),
) -> None:
    """Write a cronproof.toml for an application, after looking at what is there."""
    file, found = write_config(folder)
    console = Console()
    say = console.say
    (name,) = ConfigFile(file).targets
    crons = f", crons: {', '.join(found.crons)}" if found.crons else ""
    say(f"{found.kind} application{crons}")
    say(f"Wrote {file}: read it through, then see whether it starts and what it reaches:")
    where = "" if file.parent == Path() else f" --config {shlex.quote(str(file))}"
    say(f"  cronproof doctor --target {name}{where}")
