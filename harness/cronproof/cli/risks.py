"""`cronproof risks`."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cronproof.cli.console import LEFT_NOTHING, Console, complain, ensure_writable, run_async
from cronproof.cli.options import EXIT_CODES, INTERRUPTED, REPORTS, Config, Postgres, Scenarios, Slow
from cronproof.cli.outcome import Watch, find_provenance, find_secrets
from cronproof.cli.selection import count_processes, select_scenarios
from cronproof.config.config_file import find_config
from cronproof.engine.plan import Plan
from cronproof.engine.results import ScenarioResult
from cronproof.engine.run import verify as verify_scenarios
from cronproof.engine.session import Session
from cronproof.errors import UsageError
from cronproof.evidence.finding import worst
from cronproof.explore.explorer import Coverage
from cronproof.report import folder
from cronproof.report.data.document import Document
from cronproof.report.data.record import record
from cronproof.report.folder import write_whole
from cronproof.report.views import risk_table
from cronproof.report.views.progress import Progress
from cronproof.report.views.sections import count
from cronproof.scenario.reader import SCENARIOS, ScenarioFile

RISKS = "risks.md"


def risks(
    paths: Scenarios = None,
    target: Annotated[
        list[str] | None, typer.Option(help="A target to compare. Repeatable.", show_default="all of the configuration")
    ] = None,
    config: Config = None,
    postgres: Postgres = "embedded",
    out: Annotated[Path, typer.Option(help="Folder of the table, and of the schedules.")] = REPORTS,
    slow: Slow = False,
) -> None:
    """Compare targets on the remaining crons: the risk that the hand-made report states, and the measured one."""
    files, left_out = select_scenarios(paths, slow=slow)
    # Counted by whole statements, so that the numbers of targets compare.
    files = [file.with_when(inside="none") for file in files if file.scenario.test == "remaining"]
    if not files:
        raise UsageError(f"no scenario of {(paths or [SCENARIOS])[0]} is one of the remaining crons")
    ensure_writable(out / RISKS, "--out")
    configuration = find_config(config)
    targets = target or list(configuration.targets)
    for name in targets:
        ensure_writable(out / name / ".writable", "--out")
    found: dict[str, Document] = {}
    for name in targets:
        plan = Plan.for_target(configuration, name, postgres=postgres, logs=out / name / folder.LOGS)
        plan = replace(plan, workers=count_processes(plan, files))
        counting = _Counter(name, len(files))
        results = run_async(verify_scenarios(plan, files, budget_seconds=None, report=counting))
        about = find_provenance(counting, plan, files)
        found[name] = record(about, results, out / name, find_secrets(plan))
        for place, counterexample in found[name].schedules.items():
            write_whole(out / name / place, counterexample.text())
        if found[name].interrupted:
            break
    more = f" {count(left_out, 'slow scenario')} left out; --slow includes them." if left_out else ""
    _compare(found, out / RISKS, more)


def _compare(found: Mapping[str, Document], file: Path, more: str) -> NoReturn:
    """Writes and prints the table, then exits with the code for the results."""
    lines = list(risk_table.compare_targets(found))
    write_whole(file, "\n".join(lines) + "\n")
    every = [scenario for run in found.values() for scenario in run.scenarios]
    console = Console()
    say = console.say
    for line in lines:
        say(line)
    say(f"\nThe table: {file}.{more}")
    for one in every:
        if one.verdict != "PASS":
            say(f"{one.verdict} {one.id}: {one.reason}")
    if any(run.interrupted for run in found.values()):
        complain(LEFT_NOTHING)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(EXIT_CODES[worst([one.verdict for one in every])])


class _Counter(Watch):
    """Reports progress: how many scenarios are done."""

    def __init__(self, target: str, scenarios: int) -> None:
        super().__init__()
        self._target = target
        self._scenarios = scenarios
        self._done = 0
        self._progress = Progress()
        self._since = time.monotonic()

    def started(self, session: Session, scenarios: int) -> None:  # noqa: ARG002  (it is known)
        """Notes the session's Postgres and migrations."""
        self.note(session)

    def progress(self, file: ScenarioFile, coverage: Coverage) -> None:  # noqa: ARG002  (which one is enough)
        """Shows which scenario is running."""
        line = f"{self._target}: {self._done} of {self._scenarios} scenarios, {file.id}"
        self._progress.show(lambda: line, self._since)

    def finished(self, result: ScenarioResult) -> None:  # noqa: ARG002  (the table has it)
        """Counts the finished scenario."""
        self._done += 1
        self._progress.clear()

    def warned(self, text: str) -> None:
        """Prints what went wrong, to standard error."""
        self._progress.warn(text)
