"""Shared by the commands that verify: provenance, secrets, next steps, and the exit code."""

import contextlib
import hashlib
import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict

from cronproof.cli.console import LEFT_NOTHING, Console, complain
from cronproof.cli.options import EXIT_CODES, INTERRUPTED
from cronproof.engine.plan import Plan
from cronproof.engine.session import Session
from cronproof.paths import display_path
from cronproof.redaction import secret_values
from cronproof.report.data import provenance
from cronproof.report.data.document import Document, FileEntry
from cronproof.report.data.provenance import Provenance
from cronproof.report.folder import write_whole
from cronproof.report.views import github, junit
from cronproof.report.views.terminal import Terminal
from cronproof.scenario.reader import ScenarioFile


@dataclass
class Watch:
    """Notes for the report which Postgres and migrations are used, and how long the run takes."""

    postgres: str = ""
    migrations: Sequence[FileEntry] = ()
    started_at: datetime = field(default_factory=provenance.now)
    _clock: float = field(default_factory=time.monotonic)

    def note(self, session: Session) -> None:
        """Notes the session's Postgres and migrations."""
        self.postgres = f"PostgreSQL {session.database.version}, {session.database.where}"
        applied = session.database.applied
        self.migrations = [FileEntry(file=display_path(file), sha256=sha256) for file, sha256 in applied]

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return time.monotonic() - self._clock


class WatchingTerminal(Terminal):
    """A terminal that also notes what the report needs. In GitHub Actions it folds what passes."""

    def __init__(self, console: Console, target: str) -> None:
        super().__init__(console, target, folds=github.is_there())
        self.watch = Watch()

    def started(self, session: Session, scenarios: int) -> None:
        """Notes the session's Postgres and migrations, then prints them."""
        self.watch.note(session)
        super().started(session, scenarios)


def find_provenance(watch: Watch, plan: Plan, files: Sequence[ScenarioFile]) -> Provenance:
    """Collects what was verified, how, and on what."""
    checkout = provenance.checkout()
    digests = {display_path(file.source.file): file.source.sha256 for file in files}
    if plan.config is not None:
        digests[display_path(plan.config)] = hashlib.sha256(plan.config.read_bytes()).hexdigest()
    return Provenance(
        target=plan.target,
        target_is=plan.target_config.description or None,
        postgres=watch.postgres,
        commit=checkout.commit,
        dirty=checkout.dirty,
        directory=checkout.directory,
        started=watch.started_at,
        seconds=watch.seconds,
        seed=plan.seed,
        crons={name: cron.reported_risk for name, cron in plan.crons.items()},
        command=display_command(sys.argv[1:]),
        migrations=watch.migrations,
        files=[FileEntry(file=file, sha256=sha256) for file, sha256 in digests.items()],
    )


def find_secrets(plan: Plan) -> set[str]:
    """Collects the secrets that no report may show: of this process, the target and Postgres."""
    found = secret_values(os.environ)
    found |= secret_values(plan.target_config.env) | {plan.target_config.cron_secret or ""}
    with contextlib.suppress(psycopg.Error):  # not a DSN: embedded, or a container
        found.add(str(conninfo_to_dict(plan.postgres).get("password") or ""))
    return found - {""}


def say_what_next(run: Document, console: Console) -> None:
    """Prints the commands that replay what was found."""
    say = console.say
    known = [known.counterexample for one in run.scenarios for known in one.known or ()]
    failed = [one.counterexample for one in run.scenarios if one.counterexample is not None]
    if known:
        say("\nSchedules that show known limits. Run one again:")
        say(f"  cronproof replay {shlex.quote(known[0])}")
    if len(known) > 1:
        say(f"  ({len(known)} of them, {Path(known[0]).parent}/*.known-*.yaml)")
    if failed:
        say("\nThe failing schedules are saved. Run one again:")
    for place in failed:
        say(f"  cronproof replay {shlex.quote(place)}")


def finish(run: Document, junit_file: Path | None, *, as_json: bool) -> NoReturn:
    """Writes JUnit, JSON and GitHub output, then exits with the code for the verdict."""
    tell(run, junit_file, as_json=as_json)
    if run.interrupted:
        complain(LEFT_NOTHING)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(EXIT_CODES[run.verdict])


def tell(run: Document, junit_file: Path | None, *, as_json: bool) -> None:
    """Writes JUnit, JSON and GitHub output: what is not in the folder of the run."""
    if as_json:
        Console().out(run.text().rstrip("\n"), highlight=False)
    elif github.is_there():
        for line in github.annotated(run):
            print(line)  # noqa: T201  (a workflow command, which rich must not format)
    github.summarise(run)
    if junit_file is not None:
        write_whole(junit_file, junit.render(run))


def display_command(arguments: Sequence[str]) -> str:
    """Returns the command for the report, without its DSN, which may hold a password."""
    shown, is_value = ["cronproof"], False
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if is_value:
            shown.append(_kind_of_postgres(argument))
        elif option == "--postgres" and equals:
            shown.append(f"--postgres={_kind_of_postgres(value)}")
        else:
            shown.append(argument)
        is_value = argument == "--postgres"
    return shlex.join(shown)


def _kind_of_postgres(choice: str) -> str:
    return choice if re.fullmatch(r"embedded|container(:[\w./:@-]+)?", choice) else "DSN"
