"""`cronproof init`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cronproof.cli.console import Console, run_async
from cronproof.config.config_file import DEFAULT_FILE, ConfigFile
from cronproof.setup.example import write_example
from cronproof.setup.guesses import add_guesses
from cronproof.setup.init import find_application, write_config
from cronproof.setup.sources import Sources


def init(
    folder: Annotated[Path, typer.Argument(help="The application's folder.", show_default=".")] = Path(),
    *,
    example: Annotated[
        bool, typer.Option("--example", help="Write a small application to try: an outbox that sends an email twice.")
    ] = False,
) -> None:
    """Write a cronproof.toml for an application, after looking at what is there."""
    say = Console().say
    if example:
        say(f"Wrote {', '.join(map(str, write_example(folder)))}: an outbox that sends an email twice. See how:")
        if folder != Path():
            say(f"  cd {shlex.quote(str(folder))}")
        say("  cronproof verify")
        say("  cronproof verify --target claims    # the same after the fix, which is in app.py, too")
        return
    sources = Sources.read(folder) if folder.is_dir() else Sources(folder)
    file = folder / DEFAULT_FILE
    if file.is_file() and not ConfigFile(file).application.works:
        found = find_application(sources)  # what is there is kept: somebody has mended it
    else:
        file, found = write_config(sources)
    name = next(iter(ConfigFile(file).targets))
    crons = f", crons: {', '.join(found.crons)}" if found.crons else ""
    say(f"{found.kind} application{crons}")
    for line in run_async(add_guesses(file, found, sources)):
        say(f"  {line}")
    say(f"Wrote {file}: read it through, then see whether it starts and what it reaches:")
    where = "" if file.parent == Path() else f" --config {shlex.quote(str(file))}"
    say(f"  cronproof doctor --target {name}{where}")
