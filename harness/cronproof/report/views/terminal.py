"""The terminal: a line for each check as it finishes, and the report's summary at the end."""

import functools
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cronproof.engine.evaluate import CheckResult
from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import Session
from cronproof.engine.timeline import Timeline
from cronproof.evidence.finding import Verdict, worst
from cronproof.explore import named_orders
from cronproof.explore.explorer import Coverage
from cronproof.redaction import redacted
from cronproof.report.data.parts import PARTS
from cronproof.report.views import fault_matrix, github, progress
from cronproof.report.views.interleavings import describe_coverage, describe_inside, draw_timeline
from cronproof.report.views.progress import Progress
from cronproof.report.views.sections import count
from cronproof.scenario.reader import ScenarioFile

_STYLES: dict[Verdict, str] = {"PASS": "green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
_ID_WIDTH = 14


class Terminal:
    """Prints to a console; with colours where that is a terminal."""

    def __init__(self, console: Console, target: str, *, folds: bool = False) -> None:
        """Prints to `console`. `folds`: scenarios that pass are folded, as GitHub Actions can."""
        self._console = console
        self._folds = folds
        self._target = target
        self._done = 0
        self._scenarios = 0
        self._progress = Progress()

    def started(self, session: Session, scenarios: int) -> None:
        """Prints the target and the Postgres."""
        self._scenarios = scenarios
        self._print(f"Target {self._target} on PostgreSQL {session.database.version}, {session.database.where}")

    def finished(self, result: ScenarioResult) -> None:
        """Prints a scenario: its title, then a line for each check."""
        self._progress.clear()
        self._done += 1
        if not self._folds:
            self._scenario(result)
            return
        with self._console.capture() as capture:
            self._scenario(result)
        text = github.harmless(capture.get())
        if result.verdict == "PASS":
            text = github.folded(f"PASS {result.file.id}", text)
        self._console.out(text, end="", highlight=False)

    def _scenario(self, result: ScenarioResult) -> None:
        if result.file.pair is not None and result.verdict == "PASS":
            said = "; ".join(check.message for check in result.checks[:1])
            self._print(f"  {_coloured(result.verdict)}  {escape(result.file.id.partition(':')[2])}: {escape(said)}")
            return
        orders = len(result.evidence)
        played = f", {len(result.named)} orders" if len(result.named) > 1 else ""
        played += f", {result.exploration.schedules} schedules" if result.is_explored else ""
        self._print(
            f"\n[bold]{escape(result.file.id)}[/bold]  {escape(result.file.scenario.title)} "
            f"[dim]({self._done}/{self._scenarios}{played}, {result.seconds * 1000:.0f} ms)[/dim]"
        )
        told = set[str]()
        for check in result.checks:
            is_told = check.verdict == "INCONCLUSIVE" and check.message in told
            self._check(replace(check, message="as above") if is_told else check, several=orders > 1)
            told.add(check.message)
        if result.is_explored:
            self._print(f"  [dim]{escape(describe_coverage(result.exploration))}[/dim]")
            if inside := describe_inside(result.exploration):
                self._print(f"  [dim]{escape(inside)}[/dim]")
        if message_outcomes := result.message_outcomes:
            self._print("")
            for line in fault_matrix.draw_matrix(message_outcomes):
                self._print(f"  {escape(line)}")
        if result.timeline is not None and result.timeline.broken is not None:
            self._draw(result.timeline)
        else:
            self._print_steps(result)
        for output in result.output:
            self._print(f"  [dim]{output.instance} has written ({escape(str(output.file))}):[/dim]")
            for text in output.lines:
                self._print(f"    [dim]{escape(text)}[/dim]")

    def progress(self, file: ScenarioFile, coverage: Coverage) -> None:  # noqa: ARG002  (one is explored at a time)
        """Shows the progress of an exploration."""
        self._progress.show(functools.partial(progress.line, coverage), coverage.started)

    def warned(self, text: str) -> None:
        """Prints what went wrong, to standard error."""
        self._progress.warn(text)

    def _draw(self, timeline: Timeline) -> None:
        self._print(f"\n  {escape(timeline.title)}:\n")
        for line in draw_timeline(timeline):
            self._print(f"  [bold red]{escape(line)}[/]" if "✗" in line else f"  {escape(line)}")

    def summary(self, results: Sequence[ScenarioResult], seconds: float) -> None:
        """Prints a line for each part of the sign-off report, then the verdict."""
        self._print("")
        for part, heading in PARTS.items():
            of_part = [result for result in results if result.file.scenario.test == part]
            if of_part:
                verdict = worst([result.verdict for result in of_part])
                checks = sum(len(result.checks) for result in of_part)
                executions = sum(result.played for result in of_part)
                counts = (
                    f"{count(len(of_part), 'scenario')}, {count(executions, 'execution')}, {count(checks, 'check')}"
                )
                self._print(f"{_coloured(verdict)}  {heading} [dim]({counts})[/dim]")
        failed = [result for result in results if result.verdict != "PASS"]
        verdict = worst([result.verdict for result in results])
        self._print(f"\n{_coloured(verdict)}  {count(len(results), 'scenario')} in {seconds:.1f} s", end="")
        self._print(f", {len(failed)} not passed:" if failed else "")
        for result in failed:
            by_message: dict[str, list[str]] = {}
            for check in result.checks:
                if check.verdict != "PASS":
                    by_message.setdefault(check.message, []).append(check.id)
            for message, ids in by_message.items():
                self._print(f"  {escape(result.file.id)}: {', '.join(ids)}: {escape(message)}")

    def _print_steps(self, result: ScenarioResult) -> None:
        """The steps of the first named order in which a check did not pass."""
        order = next((check.order for check in result.checks if check.verdict != "PASS"), None)
        evidence = next((one for one in result.evidence if one.order == order), None)
        if evidence is None or len(evidence.instances) == 1:
            return
        meaning = named_orders.DESCRIPTIONS.get(evidence.order.split()[0], "")
        self._print(f"  [dim]{escape(evidence.order)}: {escape(meaning)}[/dim]")
        for step in evidence.steps:
            self._print(f"    [dim]{escape(str(step))}[/dim]")

    def _check(self, check: CheckResult, *, several: bool) -> None:
        """Prints a check's line. On a terminal, a long message wraps within its column."""
        verdict, said = _coloured(check.verdict), redacted(_format_message(check, several=several))
        if not self._console.is_terminal:
            self._print(f"  {verdict}  {check.id:{_ID_WIDTH}} {said}")
            return
        grid = Table.grid()
        for width in (2, len(check.verdict) + 2, max(_ID_WIDTH, len(check.id)) + 1):
            grid.add_column(width=width, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row("", verdict, check.id, said)
        self._console.print(grid, highlight=False)

    def _print(self, text: str, end: str = "\n") -> None:
        self._console.print(redacted(text), end=end, soft_wrap=True, highlight=False)


def _format_message(check: CheckResult, *, several: bool) -> str:
    where = f" [dim]\\[{escape(check.order)}][/dim]" if check.order and several else ""
    return f"{escape(check.message)}{where}"


def _coloured(verdict: Verdict) -> str:
    return f"[{_STYLES[verdict]}]{verdict}[/]"
