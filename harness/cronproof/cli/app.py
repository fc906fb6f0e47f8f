"""The `cronproof` command line: registers the commands and reports errors."""

import errno
import io
import logging
import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from cronproof.cli.console import Console, complain
from cronproof.cli.doctor import doctor
from cronproof.cli.explore import explore
from cronproof.cli.init import init
from cronproof.cli.list import list_scenarios
from cronproof.cli.prove import prove
from cronproof.cli.replay import replay
from cronproof.cli.report import reports
from cronproof.cli.risks import risks
from cronproof.cli.schema import schema
from cronproof.cli.verify import verify
from cronproof.errors import CronproofError, EnvironmentFailed
from cronproof.redaction import redacted

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        Console().say(f"cronproof {version('cronproof')}")
        raise typer.Exit


@app.callback()
def cronproof(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Prove that cron endpoints neither send a message twice nor lose one when they run at once, fail, or die."""


for command in (verify, explore, replay, risks, prove, schema, doctor, init):
    app.command()(command)
app.command("list")(list_scenarios)
app.add_typer(reports, name="report", help="Render saved results again, compare them with others, or merge shards.")


def main() -> None:
    """Runs the command that the arguments name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    logging.getLogger().addHandler(logging.NullHandler())  # crons log their failures; what matters is in the findings
    try:
        app()
    except CronproofError as error:
        complain(f"cronproof: {redacted(str(error))}")
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            _report_internal(error)
        complain(f"cronproof: nothing more can be written: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of it cannot be written either
        sys.exit(EnvironmentFailed.exit_code)
    except Exception as error:  # noqa: BLE001  (exit code 1 would claim a verdict on the crons)
        _report_internal(error)


def _report_internal(error: Exception) -> NoReturn:
    traceback.print_exc()
    complain(f"cronproof: internal error, {type(error).__name__}: {error}")
    sys.exit(EnvironmentFailed.exit_code)
