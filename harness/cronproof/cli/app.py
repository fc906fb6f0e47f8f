"""The command line: thin. Each command reads its options, calls the harness, and ends with the exit code."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import logging
import os
import re
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import psycopg
import typer
import uvloop
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console
from typer.core import TyperGroup

from cronproof.checks import Verdict
from cronproof.engine import replay as replaying
from cronproof.engine.results import ScenarioResult, worst
from cronproof.engine.runner import Plan, Session
from cronproof.engine.runner import verify as verify_all
from cronproof.errors import CronproofError, EnvironmentFailed, UsageError
from cronproof.explore import counterexample as counterexamples
from cronproof.explore.explorer import Coverage
from cronproof.prove import kill_matrix, proof
from cronproof.prove.trial import Trial
from cronproof.redaction import redacted, secret_values, show_data
from cronproof.report import folder
from cronproof.report.data import comparison, document, merge, provenance, risk_table
from cronproof.report.data.document import Document, FileEntry
from cronproof.report.data.record import record
from cronproof.report.folder import write_whole as _write
from cronproof.report.views import attestation, github, junit
from cronproof.report.views.progress import Progress
from cronproof.report.views.terminal import Terminal
from cronproof.scenario import reader
from cronproof.scenario.model import BOUNDS, INTERLEAVINGS, Scenario, interleavings_of
from cronproof.setup import doctor as examination
from cronproof.setup import init as initial
from cronproof.targets import in_process
from cronproof.targets.config import ConfigFile
from cronproof.targets.config import chosen as configured

EXIT_CODES: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 4}
INTERRUPTED = 130
LEFT_NOTHING = "cronproof: interrupted; nothing was left behind"
BROKEN_PIPE = 141  # as of a program that SIGPIPE ended
SCENARIOS = Path("scenarios")
SCENARIOS_PER_PROCESS = 12  # with fewer, a further process costs more than it saves
REPORTS = Path("reports")
RISKS = "risks.md"
RISKS_OF = ["legacy", "hardened"]

Result = TypeVar("Result")

app = typer.Typer(
    help="Proves that cron endpoints neither send a message twice nor lose one when they run at once, fail, or die.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Postgres = Annotated[
    str,
    typer.Option(metavar="embedded|container[:IMAGE]|DSN", help="Where to verify: nothing outside our own database."),
]
Target = Annotated[
    str | None,
    typer.Option(help="The crons to verify: reference, legacy, or a target of the configuration; default: its first."),
]
Config = Annotated[
    Path | None, typer.Option(help="Where targets are described; default: cronproof.toml, if there is one here.")
]
Migrations = Annotated[
    list[Path] | None, typer.Option("--migration", help="Applied instead of sql/06-cron-locking.sql. Repeatable.")
]
JUnit = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]
Seed = Annotated[int, typer.Option(help="What samples are drawn from; nothing else is left to chance.")]
ShowData = Annotated[
    bool, typer.Option("--show-data", help="Show phone numbers and texts whole; secrets are never shown.")
]
Sign = Annotated[
    Path | None, typer.Option("--sign", metavar="KEY", help="Sign the attestation with this private key, in PEM.")
]


@app.command()
def verify(  # noqa: PLR0913, PLR0917  (a parameter for each option; typer passes them by name)
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Scenario files or folders.", show_default="scenarios/")
    ] = None,
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
    slow: Annotated[bool, typer.Option("--slow", help="Also the scenarios that take long.")] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="K/N", help="Only one part of N of all scenarios; `report merge` joins them.")
    ] = None,
    shows_data: ShowData = False,
    key: Sign = None,
) -> None:
    """Run scenario files: a line for each check, then the sign-off report."""
    show_data(shows_data)
    files, left_out = _chosen(paths or [_scenarios()], slow=slow)
    files = files if shard is None else _of_shard(files, shard)
    plan = Plan.chosen(target, config, migration_files, postgres=postgres, seed=seed, shows_data=shows_data)
    signer = None if key is None else attestation.signer(key)
    if junit_file is not None:
        _writable(junit_file, "--junit")
    started, clock = provenance.now(), time.monotonic()
    place = folder.made(out, started)
    plan = replace(plan, workers=_processes(plan, files), logs=place / folder.LOGS)
    console = _Console(quiet=as_json)
    terminal = _watching(console, plan.target)
    with folder.kept_if_filled(place, _secrets(plan)):
        results = _run(verify_all(plan, files, budget_seconds=budget, report=terminal))
    seconds = time.monotonic() - clock
    about = replace(
        _about(terminal, plan, started, files),
        seconds=seconds,
        left_out=left_out,
        shard=shard,
        budget_seconds=budget,
    )
    run = record(about, results, place, _secrets(plan))
    terminal.summary(results, seconds)
    if left_out:
        console.print(f"{left_out} slow scenarios were left out; --slow runs them, too", highlight=False)
    folder.write(place, run, signer)
    folder.publish(place)
    console.print(f"\nSign-off report: {place / folder.PAGE}", highlight=False, markup=False, soft_wrap=True)
    _what_next(run, console)
    _hand_over(run, junit_file, as_json=as_json)


@app.command()
def explore(  # noqa: PLR0913, PLR0917  (as verify)
    scenario: Annotated[Path, typer.Argument(help="A scenario file of two instances or more.")],
    interleavings: Annotated[
        str | None,
        typer.Option(metavar=INTERLEAVINGS, help="Which schedules; default: what the file says, else all."),
    ] = None,
    target: Target = None,
    config: Config = None,
    postgres: Postgres = "embedded",
    migration_files: Migrations = None,
    out: Annotated[Path, typer.Option(help="Folder of the counterexample, and of a search to go on with.")] = REPORTS,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes explore.")] = 1,
    junit_file: JUnit = None,
    as_json: AsJson = False,
    seed: Seed = 0,
    budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Begin no schedule after this time.")
    ] = None,
    goes_on: Annotated[
        bool, typer.Option("--continue", help="Go on with a search that was interrupted, or whose budget had ended.")
    ] = False,
    shows_data: ShowData = False,
) -> None:
    """Run all schedules of one scenario; of those that fail, print and save the shortest."""
    show_data(shows_data)
    file = _to_explore(reader.read_one(reader.one(scenario)), interleavings)
    journal = _place(out, file.id, "search.jsonl")
    plan = Plan.chosen(
        target,
        config,
        migration_files,
        postgres=postgres,
        seed=seed,
        workers=workers,
        journal=journal,
        goes_on=goes_on,
        logs=out / folder.LOGS,
        shows_data=shows_data,
    )
    if junit_file is not None:
        _writable(junit_file, "--junit")
    _writable(out / ".writable", "--out")  # a counterexample of before is only replaced by another
    console = _Console(quiet=as_json)
    terminal = _watching(console, plan.target)
    started, clock = provenance.now(), time.monotonic()
    results = _run(verify_all(plan, [file], budget_seconds=budget, report=terminal))
    about = replace(_about(terminal, plan, started, [file]), seconds=time.monotonic() - clock, budget_seconds=budget)
    run = record(about, results, out, _secrets(plan))
    for name, counterexample in run.schedules.items():
        _write(out / name, counterexample.text())
    _what_next(run, console)
    if journal.exists():
        again = [argument for argument in sys.argv[1:] if argument != "--continue"]
        console.print("\nThe search can go on where it ended:", highlight=False)
        console.print(f"  {_shown([*again, '--continue'])}", highlight=False, markup=False, soft_wrap=True)
    _hand_over(run, junit_file, as_json=as_json)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A counterexample that explore has saved.")],
    times: Annotated[int, typer.Option(min=1, help="How many times.")] = 1,
    pause: Annotated[bool, typer.Option("--pause", help="Stop before every step and wait for Enter.")] = False,
    target: Annotated[str | None, typer.Option(help="Other crons than those of the file.")] = None,
    config: Annotated[Path | None, typer.Option(help="Another configuration than that of the file.")] = None,
    postgres: Postgres = "embedded",
    migration_files: Annotated[
        list[Path] | None, typer.Option("--migration", help="Other migrations than those of the file. Repeatable.")
    ] = None,
) -> None:
    """Run a counterexample again, and say whether it still fails."""
    counterexample = counterexamples.read(file)
    scenario = reader.read_one(reader.one(Path(counterexample.scenario)))
    if counterexample.pair is not None:
        one, other = counterexample.pair
        scenario = scenario.of((one, other))
    migrations = migration_files or [Path(name) for name in counterexample.migrations]
    of_file = None if counterexample.config is None else Path(counterexample.config)
    plan = Plan.chosen(target or counterexample.target, config or of_file, migrations, postgres=postgres)
    console = _Console()
    told = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
    verdict = _run(replaying.replay(plan, scenario, counterexample, times=times, pause=pause, tell=told))
    raise typer.Exit(EXIT_CODES[verdict])


@app.command()
def risks(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Scenario files or folders.", show_default="scenarios/")
    ] = None,
    target: Annotated[list[str], typer.Option(help="Crons to compare. Repeatable.")] = RISKS_OF,
    postgres: Postgres = "embedded",
    out: Annotated[Path, typer.Option(help="Folder of the table, and of the schedules.")] = REPORTS,
    slow: Annotated[bool, typer.Option("--slow", help="Also the scenarios that take long.")] = False,
) -> None:
    """Compare targets by the remaining crons: what the hand-made report said of their risk, and what is found."""
    files, left_out = _chosen(paths or [_scenarios()], slow=slow)
    files = [file for file in files if file.scenario.test == "remaining"]
    if not files:
        raise UsageError(f"no scenario of {(paths or [SCENARIOS])[0]} is one of the remaining crons")
    _writable(out / RISKS, "--out")
    for name in target:
        _writable(out / name / ".writable", "--out")
    found: dict[str, Document] = {}
    for name in target:
        plan = Plan.chosen(name, None, None, postgres=postgres, logs=out / name / folder.LOGS)
        plan = replace(plan, workers=_processes(plan, files))
        counting = _Counting(name, len(files))
        started, clock = provenance.now(), time.monotonic()
        results = _run(verify_all(plan, files, budget_seconds=None, report=counting))
        about = replace(_about(counting, plan, started, files), seconds=time.monotonic() - clock)
        found[name] = record(about, results, out / name, _secrets(plan))
        for place, counterexample in found[name].schedules.items():
            _write(out / name / place, counterexample.text())
        if found[name].interrupted:
            break
    more = f" {left_out} slow scenarios were left out; --slow runs them, too." if left_out else ""
    _compared(found, out / RISKS, more)


@app.command()
def prove(
    only: Annotated[
        list[str] | None,
        typer.Argument(help="Saboteurs, variants and mutants whose names contain this.", show_default="all"),
    ] = None,
    postgres: Postgres = "embedded",
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes.")] = os.cpu_count() or 1,
    as_json: AsJson = False,
) -> None:
    """Prove that the checks catch what they claim to catch: saboteurs, mutants, and variants that are right."""
    files = reader.read(reader.find([proof.scenario_folder()]))
    every = list(proof.subjects())
    chosen = [subject for subject in every if not only or any(word in subject.name for word in only)]
    if not chosen:
        raise UsageError(f"nothing is named {' or '.join(map(repr, only or []))}; docs/proof.md has all names")
    console = _Console(quiet=as_json)
    say = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
    say(f"{len(chosen)} implementations on trial, {workers} at a time")
    progress, started = Progress(), time.monotonic()

    def told(trial: Trial, ended: int, of: int) -> None:
        progress.show(lambda: f"{ended} of {of} tried, the last {trial.subject.name}: {trial.outcome}", started)

    found = _run(proof.proven(postgres, files, chosen, workers=workers, told=told))
    progress.clear()
    for line in kill_matrix.lines(found):
        say(line)
    say(f"\n{'PROVEN' if found.holds else 'NOT PROVEN'} in {found.seconds:.0f} s")
    if as_json:
        _Console().out(kill_matrix.document(found).model_dump_json(indent=2, exclude_none=True), highlight=False)
    raise typer.Exit(0 if found.holds else 1)


class _Rendering(TyperGroup):
    """`report DIR` renders; `report merge DIR…` does what it says."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes what is no command for what is to be rendered."""
        is_command = not args or args[0] in {*self.commands, "--help"}
        return list(super().parse_args(ctx, args if is_command else ["render", *args]))


reports = typer.Typer(cls=_Rendering, no_args_is_help=True, rich_markup_mode=None)
app.add_typer(reports, name="report", help="Render saved results again, compare them with others, or merge shards.")


@reports.command("render")
def render(
    place: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run, with results.json in it.")],
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="The folder of an earlier run: say what has changed since.")
    ] = None,
    key: Sign = None,
) -> None:
    """Render all formats of a run again; or compare it with another one."""
    signer = None if key is None else attestation.signer(key)
    run = document.read(place / document.RESULTS)
    folder.write(place, run, signer)
    say = functools.partial(_Console().print, highlight=False, markup=False, soft_wrap=True)
    say(f"{run.verdict}  {len(run.scenarios)} scenarios. Sign-off report: {place / folder.PAGE}")
    if against is None:
        raise typer.Exit(0)
    changes = comparison.compared(document.read(against / document.RESULTS), run)
    lines = list(comparison.lines(changes))
    _write(place / "comparison.md", "\n".join(lines) + "\n")
    for line in ["", *lines]:
        say(line)
    say(f"\nThe comparison: {place / 'comparison.md'}")
    raise typer.Exit(1 if changes.is_worse else 0)


@reports.command("merge")
def merge_shards(
    places: Annotated[list[Path], typer.Argument(metavar="DIR…", help="The folders of all shards of one run.")],
    out: Annotated[Path, typer.Option(help="Where the folder of the merged run is made.")] = REPORTS,
    junit_file: JUnit = None,
    as_json: AsJson = False,
    key: Sign = None,
) -> None:
    """Merge the shards of a run into one report."""
    signer = None if key is None else attestation.signer(key)
    if junit_file is not None:
        _writable(junit_file, "--junit")
    shards = {place: document.read(place / document.RESULTS) for place in places}
    merge.together(shards)
    place = folder.made(out, min(one.started for one in shards.values()))
    run = merge.document(shards, place)
    folder.write(place, run, signer)
    folder.publish(place)
    console = _Console(quiet=as_json)
    say = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
    say(f"{run.verdict}  {len(run.scenarios)} scenarios of {len(shards)} shards")
    say(f"\nSign-off report: {place / folder.PAGE}")
    _what_next(run, console)
    _hand_over(run, junit_file, as_json=as_json)


@app.command("list")
def list_scenarios(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Scenario files or folders.", show_default="scenarios/")
    ] = None,
    config: Config = None,
) -> None:
    """List scenarios and targets."""
    configuration = configured(config)
    targets = [*(configuration.targets if configuration else []), *in_process.BUILT_IN]
    files = reader.read(reader.find(paths or [SCENARIOS]))
    console = _Console()
    files = list({file.source.file: reader.read_one(file.source.file) for file in files}.values())  # of pairs one
    width = max(len(file.id) for file in files)
    for file in files:
        console.print(f"{file.id:{width}}  {file.scenario.title}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\nTargets: {', '.join(dict.fromkeys(targets))}", highlight=False)


class Kind(StrEnum):
    """What there is a JSON Schema of."""

    SCENARIO = "scenario"
    RESULTS = "results"


@app.command()
def schema(
    of: Annotated[Kind, typer.Argument(help="Of scenario files, or of results.json.")] = Kind.SCENARIO,
) -> None:
    """Print the JSON Schema of scenario files, or of results."""
    match of:
        case Kind.SCENARIO:
            said = Scenario.model_json_schema()
        case Kind.RESULTS:
            said = Document.model_json_schema()
    _Console().out(json.dumps(said, indent=2, ensure_ascii=False), highlight=False)


@app.command()
def doctor(
    target: Annotated[str | None, typer.Option(help="Start this target, and call each cron once.")] = None,
    config: Config = None,
    postgres: Postgres = "embedded",
    out: Annotated[Path, typer.Option(help="Folder of what the target writes.")] = REPORTS,
) -> None:
    """Say what this machine can do, or a target, and what is missing."""
    console = _Console()

    async def examined() -> bool:
        missing = False
        plan = Plan.chosen(target, config, None, postgres=postgres, logs=out / folder.LOGS)
        findings = examination.examine(postgres) if target is None else examination.examine_target(plan)
        async for finding in findings:
            missing |= finding.state == "missing"
            console.print(f"{finding.state:8} {finding.what}", highlight=False, markup=False, soft_wrap=True)
        return missing

    raise typer.Exit(3 if _run(examined()) else 0)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The application's folder.", show_default=".")] = Path(),
) -> None:
    """Write a cronproof.toml for an application, after looking at what is there."""
    file, found = initial.write(folder)
    console = _Console()
    say = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
    (name,) = ConfigFile(file).targets
    crons = f", crons: {', '.join(found.crons)}" if found.crons else ""
    say(f"{found.kind} application{crons}")
    say(f"Wrote {file}: read it through, then see whether it starts and what it reaches:")
    where = "" if file.parent == Path() else f" --config {shlex.quote(str(file))}"
    say(f"  cronproof doctor --target {name}{where}")


def _compared(found: Mapping[str, Document], file: Path, more: str) -> NoReturn:
    """Writes and prints the table of the remaining crons, and ends with the exit code that the results call for."""
    lines = list(risk_table.compared(found))
    _write(file, "\n".join(lines) + "\n")
    every = [scenario for run in found.values() for scenario in run.scenarios]
    console = _Console()
    say = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        say(line)
    say(f"\nThe table: {file}.{more}")
    for one in every:
        if one.verdict != "PASS":
            say(f"{one.verdict} {one.id}: {one.reason}")
    if any(run.interrupted for run in found.values()):
        print(LEFT_NOTHING, file=sys.stderr)  # noqa: T201  (as of every command)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(EXIT_CODES[worst([one.verdict for one in every])])


class _Noting:
    """Keeps where Postgres was found, and what was applied, for the report."""

    postgres = ""
    migrations: Sequence[FileEntry] = ()

    def note(self, opened: Session) -> None:
        """Notes what is verified on."""
        self.postgres = f"PostgreSQL {opened.database.version}, {opened.database.where}"
        applied = opened.database.applied
        self.migrations = [FileEntry(file=provenance.shown(file), sha256=sha256) for file, sha256 in applied]


class _Counting(_Noting):
    """Says how many scenarios are done."""

    def __init__(self, target: str, scenarios: int) -> None:
        self._target = target
        self._scenarios = scenarios
        self._done = 0
        self._progress = Progress()
        self._started = time.monotonic()

    def started(self, opened: Session, scenarios: int) -> None:  # noqa: ARG002  (it is known)
        """Nothing to say yet."""
        self.note(opened)

    def progress(self, file: reader.ScenarioFile, coverage: Coverage) -> None:  # noqa: ARG002  (which one is enough)
        """A scenario takes long: then it is said which."""
        self._progress.show(
            lambda: f"{self._target}: {self._done} of {self._scenarios} scenarios, {file.id}", self._started
        )

    def finished(self, result: ScenarioResult) -> None:  # noqa: ARG002  (the table has it)
        """One more."""
        self._done += 1
        self._progress.clear()


class _Watching(Terminal, _Noting):
    """The terminal, and what the report needs."""

    def started(self, opened: Session, scenarios: int) -> None:
        """Notes what is verified on."""
        self.note(opened)
        super().started(opened, scenarios)


def _watching(console: Console, target: str) -> _Watching:
    """The terminal; in a workflow of GitHub Actions with what is long folded away."""
    return _Watching(console, target, folds=github.is_there())


def _to_explore(file: reader.ScenarioFile, interleavings: str | None) -> reader.ScenarioFile:
    """The scenario without its named overlaps, and with the interleavings that are asked for.

    Raises:
        UsageError: it has fewer than two instances, or there are no such interleavings.
    """
    when = file.scenario.when
    if when is not None and when.each_pair:
        raise UsageError(f"{file.source.file} is of every two of {len(when.call)} crons; verify runs them")
    if when is None or len(when.instance_list) == 1:
        raise UsageError(f"{file.source.file} calls fewer than two instances: there is nothing to explore")
    chosen = when.interleavings or "all"
    if interleavings is not None:
        try:
            chosen = interleavings_of(interleavings)
        except ValueError:
            raise UsageError(f"--interleavings {interleavings!r} is none of: {INTERLEAVINGS}; {BOUNDS}") from None
    explored = when.model_copy(update={"overlaps": [], "interleavings": chosen})
    return replace(file, scenario=file.scenario.model_copy(update={"when": explored}))


def _about(
    noting: _Noting, plan: Plan, started: datetime, files: Sequence[reader.ScenarioFile]
) -> provenance.Provenance:
    checkout = provenance.checkout()
    digests = {provenance.shown(file.source.file): file.source.sha256 for file in files}
    if plan.config is not None:
        digests[provenance.shown(plan.config)] = hashlib.sha256(plan.config.read_bytes()).hexdigest()
    return provenance.Provenance(
        target=plan.target,
        target_is=None if plan.outside is not None else in_process.DESCRIPTIONS.get(plan.target),
        postgres=noting.postgres,
        commit=checkout.commit,
        dirty=checkout.dirty,
        directory=checkout.directory,
        started=started,
        seconds=0,
        seed=plan.seed,
        command=_shown(sys.argv[1:]),
        migrations=noting.migrations,
        files=[FileEntry(file=file, sha256=sha256) for file, sha256 in digests.items()],
    )


def _secrets(plan: Plan) -> set[str]:
    """What must not be seen in a report: of this process, of the target, and of the given Postgres."""
    found = secret_values(os.environ)
    if plan.outside is not None:
        found |= secret_values(plan.outside.env) | {plan.outside.cron_secret or ""}
    with contextlib.suppress(psycopg.Error):  # it is no DSN: embedded, or a container
        found.add(str(conninfo_to_dict(plan.postgres).get("password") or ""))
    return found - {""}


def _what_next(run: Document, console: Console) -> None:
    """Says how to see again what was found."""
    say = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
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


def _hand_over(run: Document, junit_file: Path | None, *, as_json: bool) -> NoReturn:
    """Writes what programs read, and ends with the exit code that the results call for."""
    if junit_file is not None:
        _write(junit_file, junit.render(run))
    if as_json:
        _Console().out(run.text().rstrip("\n"), highlight=False)
    elif github.is_there():
        for line in github.annotated(run):
            print(line)  # noqa: T201  (a command to the runner, of which rich knows nothing)
    github.summarise(run)
    if run.interrupted:
        print(LEFT_NOTHING, file=sys.stderr)  # noqa: T201  (not for --json's stdout)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(EXIT_CODES[run.verdict])


def _of_shard(files: Sequence[reader.ScenarioFile], shard: str) -> list[reader.ScenarioFile]:
    """Every N-th of the scenarios, beginning with the K-th: long ones stand side by side in a folder.

    Raises:
        UsageError: `shard` is no part, or nothing is in it.
    """
    part = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard)
    if part is None or int(part[1]) > int(part[2]):
        raise UsageError(f"--shard {shard!r} is no part of a whole; say 2/5 for the second of five")
    chosen = list(files[int(part[1]) - 1 :: int(part[2])])
    if not chosen:
        raise UsageError(f"--shard {shard}: there are {len(files)} scenarios only")
    return chosen


def _chosen(paths: Sequence[Path], *, slow: bool) -> tuple[list[reader.ScenarioFile], int]:
    """The scenarios of the paths, and how many slow ones are left out: those that nobody has named.

    Raises:
        UsageError: nothing is left.
    """
    files = reader.read(reader.find(paths))
    chosen = [file for file in files if slow or not file.scenario.slow or file.source.file in paths]
    if not chosen:
        raise UsageError(f"all scenarios of {paths[0]} are slow; run them with --slow")
    return chosen, len(files) - len(chosen)


def _processes(plan: Plan, files: Sequence[reader.ScenarioFile]) -> int:
    """How many processes verify scenarios. Servers outside are few, and have ports: they are for one."""
    return 1 if plan.outside is not None else min(os.cpu_count() or 1, 1 + len(files) // SCENARIOS_PER_PROCESS)


def _scenarios() -> Path:
    """The folder of scenarios of the working directory.

    Raises:
        UsageError: there is none.
    """
    if not SCENARIOS.exists():
        raise UsageError(
            f"there is no folder {SCENARIOS}/ here; name scenario files, as those of a checkout of cronproof"
        )
    return SCENARIOS


def _place(out: Path, scenario_id: str, what: str) -> Path:
    return out / f"{scenario_id.replace('/', '.')}.{what}"


def _run(coroutine: Coroutine[None, None, Result]) -> Result:
    """Runs to the end, or until Ctrl-C or a SIGTERM; either way everything is cleared up on the way out."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored so far in a background job of a shell script
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        return uvloop.run(coroutine)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise EnvironmentFailed(f"the Postgres failed us during the run: {reason}") from error
    except KeyboardInterrupt:
        print(LEFT_NOTHING, file=sys.stderr)  # noqa: T201  (not for --json's stdout)
        raise typer.Exit(INTERRUPTED) from None


def _writable(file: Path, option: str) -> None:
    """Finds out before the run whether a report can be written, and removes one of an earlier run.

    Raises:
        UsageError: it cannot.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("a").close()
        if file.is_file():
            file.unlink(missing_ok=True)  # another run with the same folder may have been quicker
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {file}: {reason}; choose another place with {option}") from None


def _shown(arguments: Sequence[str]) -> str:
    """The command as the report shows it: without the DSN, for the sake of the password in it."""
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


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever read our output has gone, as `head` does: no verdict is told by the exit code then."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE)


def main() -> None:
    """Runs the command that the arguments name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    logging.getLogger().addHandler(logging.NullHandler())  # crons log their failures; what matters is in the findings
    try:
        app()
    except CronproofError as error:
        print(f"cronproof: {redacted(str(error))}", file=sys.stderr)  # noqa: T201  (the one line that says what is wrong)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  (a verdict of 1 would be a lie: nothing was found out about the crons)
        traceback.print_exc()
        print(f"cronproof: a mistake of cronproof's own, {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(EnvironmentFailed.exit_code)
