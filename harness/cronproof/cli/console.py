"""Console output of commands, and how they end on a broken pipe, an interrupt or a failure."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TypeVar

import psycopg
import typer
import uvloop
from rich.console import Console as RichConsole

from cronproof.cli.options import BROKEN_PIPE, INTERRUPTED
from cronproof.errors import CronproofError, EnvironmentFailed, UsageError
from cronproof.internal_errors import until_error

LEFT_NOTHING = "cronproof: interrupted; nothing was left behind"
Result = TypeVar("Result")


class Console(RichConsole):
    """Standard output."""

    def say(self, text: str) -> None:
        """Prints a line without markup, highlighting or wrapping."""
        self.print(text, highlight=False, markup=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Exits with the code for a broken pipe, which stands for no verdict."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE)


def complain(text: str) -> None:
    """Prints a line to standard error, so that it does not mix with the output of --json."""
    with contextlib.suppress(OSError):  # a full disk: the exit code has to say it
        print(text, file=sys.stderr)  # noqa: T201  (rich would break the line)


def run_async(coroutine: Coroutine[None, None, Result]) -> Result:
    """Runs a coroutine until it ends, or until a signal. Cleanup runs in either case.

    Raises:
        EnvironmentFailed: Postgres fails during the run.
    """
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    closes = True
    try:
        return runner.run(until_error(coroutine))
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise EnvironmentFailed(f"Postgres failed during the run: {reason}") from error
    except CronproofError:
        raise
    except Exception:
        closes = False  # an internal error may have left something on the loop that never ends
        raise
    except KeyboardInterrupt:
        complain(LEFT_NOTHING)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        if closes:
            runner.close()


@contextlib.contextmanager
def kept_for_json(*, as_json: bool) -> Iterator[None]:
    """Keeps standard output for the JSON document, if there is to be one: what an application in this process prints goes to standard error."""
    try:
        output, errors = sys.stdout.fileno(), sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # one is closed
        as_json = False
    if not as_json:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(output)
    os.dup2(errors, output)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, output)
        os.close(kept)


def ensure_writable(file: Path, option: str) -> None:
    """Checks before the run that a report can be written, and removes an earlier one.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("a").close()
        if file.is_file():
            file.unlink(missing_ok=True)  # a parallel run may have removed it
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {file}: {reason}; choose another place with {option}") from None
