"""Makes `pytest scenarios` collect scenario files: one test for each, all on one warm session.

Options as those of `cronproof verify`: --target, --postgres, --migration.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

import pytest
import uvloop

from cronproof.engine.plan import Plan
from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import Session, open_session
from cronproof.engine.verification import verify_scenario
from cronproof.errors import CronproofError, InvalidScenario
from cronproof.evidence.finding import Verdict
from cronproof.internal_errors import until_error
from cronproof.report.views.interleavings import draw_timeline
from cronproof.scenario import reader

SCENARIOS = Path(__file__).parent / "scenarios"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options that say what is verified, and where."""
    group = parser.getgroup("cronproof")
    group.addoption("--target", help="the crons to verify: reference, legacy, or a target of the configuration")
    group.addoption("--config", type=Path, help="where targets are described; default: cronproof.toml, if there is one")
    group.addoption("--postgres", default="embedded", help="embedded, container[:IMAGE], or a DSN")
    group.addoption("--migration", type=Path, action="append", help="instead of sql/06-cron-locking.sql; repeatable")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioCollector | None:
    """Takes every YAML file below scenarios/."""
    if file_path.suffix in reader.SUFFIXES and file_path.is_relative_to(SCENARIOS):
        return ScenarioCollector.from_parent(parent, path=file_path)
    return None


class WarmSession:
    """The session that all scenarios of a test run share, in an event loop that rests between them."""

    def __init__(self, plan: Plan) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._open = contextlib.AsyncExitStack()
        self._session: Session = self._runner.run(self._open.enter_async_context(open_session(plan)))

    def verify(self, file: reader.ScenarioFile) -> ScenarioResult:
        """Plays one scenario."""
        self._runner.run(self._session.compile([file]))
        return self._runner.run(until_error(verify_scenario(self._session, file)))

    def close(self) -> None:
        """Stops and removes everything."""
        self._runner.run(self._open.aclose())
        self._runner.close()


WARM = pytest.StashKey[WarmSession]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Closes the session, if a scenario has opened it."""
    warm = config.stash.get(WARM, None)
    if warm is not None:
        warm.close()


class ScenarioCollector(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterable[pytest.Item]:
        """The test of the file, or one for each pair of crons."""
        try:
            files = reader.read_scenarios([self.path])
        except InvalidScenario as invalid:
            raise self.CollectError(str(invalid)) from None
        for file in files:
            yield ScenarioItem.from_parent(self, name=file.id.partition("/")[2], file=file)


class NotPassedError(Exception):
    """A scenario failed or proved nothing."""

    def __init__(self, result: ScenarioResult) -> None:
        self.result = result
        super().__init__(result.reason)


class ScenarioItem(pytest.Item):
    """A scenario as a test."""

    def __init__(self, *, file: reader.ScenarioFile, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]  # pytest's own, passed on
        self.file = file
        if file.scenario.slow:
            self.add_marker("slow")

    def runtest(self) -> None:
        """Plays the scenario."""
        if WARM not in self.config.stash:
            option = self.config.getoption
            plan = Plan.from_options(
                option("--target"), option("--config"), option("--migration"), postgres=option("--postgres")
            )
            self.config.stash[WARM] = WarmSession(plan)
        result = self.config.stash[WARM].verify(self.file)
        if result.verdict != "PASS":
            raise NotPassedError(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """What a person needs: the title, the checks that did not pass, and the steps that led there."""
        if isinstance(excinfo.value, CronproofError):
            return str(excinfo.value)
        if not isinstance(excinfo.value, NotPassedError):
            return str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]  # pytest's own, passed on
        result = excinfo.value.result
        lines = [self.file.scenario.title]
        lines += [_line(check.verdict, check.id, check.message) for check in result.checks if check.verdict != "PASS"]
        if result.counterexample is not None and result.timeline is not None:
            return "\n".join([*lines, "the shortest schedule:", *draw_timeline(result.timeline)])
        order = next((check.order for check in result.checks if check.verdict != "PASS"), None)
        lines += [f"in the order {order}:" for run in result.evidence if run.order == order]
        lines += [f"    {step}" for run in result.evidence if run.order == order for step in run.steps]
        return "\n".join(lines)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file, and the scenario's name."""
        return self.path, 0, self.file.id


def _line(verdict: Verdict, check: str, message: str) -> str:
    return f"  {verdict}  {check}: {message}"
