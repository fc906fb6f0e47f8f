"""The pytest plugin: scenario files are tests, and a fixture gives tests in Python the same power.

Scenario files are collected below `scenarios/`, where a `cronproof.toml` lies beside that folder. All share one warm
session. What takes long to load is loaded only when there is something to verify.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cronproof.checks.holds_in_python import Invariant
    from cronproof.engine.plan import Plan
    from cronproof.engine.results import ScenarioResult
    from cronproof.engine.session import Session
    from cronproof.scenario.reader import ScenarioFile
    from cronproof.targets.functions import Function

FOLDER = "scenarios"
CONFIG = "cronproof.toml"
SUFFIXES = frozenset({".yaml", ".yml"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options that say what is verified, and where."""
    group = parser.getgroup("cronproof")
    group.addoption(
        "--cronproof-target", metavar="NAME", help="the target to verify; default: the configuration's first"
    )
    group.addoption("--cronproof-config", metavar="FILE", type=Path, help=f"default: {CONFIG} in the root folder")
    group.addoption(
        "--cronproof-postgres", metavar="WHICH", default="embedded", help="embedded, container[:IMAGE], a DSN"
    )
    group.addoption(
        "--cronproof-migration",
        metavar="FILE",
        type=Path,
        action="append",
        help="instead of the target's `replaceable_migrations`; repeatable",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioCollector | None:
    """Takes every YAML file of the scenarios, where there is a configuration."""
    if file_path.suffix not in SUFFIXES or not file_path.is_relative_to(parent.config.rootpath / FOLDER):
        return None
    return ScenarioCollector.from_parent(parent, path=file_path) if _find_config(parent.config).is_file() else None


def _find_config(config: pytest.Config) -> Path:
    named: Path | None = config.getoption("--cronproof-config")
    return named or config.rootpath / CONFIG


class WarmSession:
    """The session that all scenarios of a test run share, in an event loop that rests between them."""

    def __init__(self, plan: Plan) -> None:
        import uvloop  # noqa: PLC0415  (see the module)

        from cronproof.postgres.server import server  # noqa: PLC0415  (see the module)

        self._plan = plan
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._open = contextlib.AsyncExitStack()
        self._server = self._runner.run(self._open.enter_async_context(server.open_server(plan.postgres)))
        self._sessions: dict[tuple[Function, ...], Session] = {}

    def verify(self, file: ScenarioFile, functions: Sequence[Function] = ()) -> ScenarioResult:
        """Verifies one scenario, of the target or of functions in its place."""
        from cronproof.engine.verification import verify_scenario  # noqa: PLC0415  (see the module)
        from cronproof.internal_errors import until_error  # noqa: PLC0415  (see the module)

        session = self._session(tuple(functions))
        self._runner.run(session.compile([file]))
        return self._runner.run(until_error(verify_scenario(session, file)))

    def _session(self, functions: tuple[Function, ...]) -> Session:
        from cronproof.engine.session import open_session_on  # noqa: PLC0415  (see the module)

        if functions not in self._sessions:
            plan = self._plan.of_functions(functions) if functions else self._plan
            opened = self._open.enter_async_context(open_session_on(self._server, plan))
            self._sessions[functions] = self._runner.run(opened)
        return self._sessions[functions]

    def close(self) -> None:
        """Stops and removes everything."""
        self._runner.run(self._open.aclose())
        self._runner.close()


WARM = pytest.StashKey[WarmSession]()


def _find_session(config: pytest.Config) -> WarmSession:
    """Returns the session of the test run. The first one who asks opens it."""
    if WARM not in config.stash:
        from cronproof.engine.plan import Plan  # noqa: PLC0415  (see the module)

        option = config.getoption
        migrations = option("--cronproof-migration")
        plan = Plan.from_options(
            option("--cronproof-target"), _find_config(config), migrations, postgres=option("--cronproof-postgres")
        )
        config.stash[WARM] = WarmSession(plan)
    return config.stash[WARM]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Closes the session, if anybody has opened it."""
    warm = config.stash.get(WARM, None)
    if warm is not None:
        warm.close()


class NotPassedError(AssertionError):
    """A scenario failed or proved nothing."""

    def __init__(self, title: str, result: ScenarioResult) -> None:
        super().__init__("\n".join(_describe(title, result)))


class ScenarioCollector(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yields the test of the file, or one for each pair of crons."""
        from cronproof.errors import InvalidScenario  # noqa: PLC0415  (see the module)
        from cronproof.scenario import reader  # noqa: PLC0415  (see the module)

        try:
            files = reader.read_scenarios([self.path])
        except InvalidScenario as invalid:
            raise self.CollectError(str(invalid)) from None
        for file in files:
            yield ScenarioItem.from_parent(self, name=file.id.partition("/")[2], file=file)


class ScenarioItem(pytest.Item):
    """A scenario as a test."""

    def __init__(self, *, file: ScenarioFile, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]  # pytest's own, passed on
        self.file = file
        if file.scenario.slow:
            self.add_marker("slow")

    def runtest(self) -> None:
        """Verifies the scenario."""
        result = _find_session(self.config).verify(self.file)
        if result.verdict != "PASS":
            raise NotPassedError(self.file.scenario.title, result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Returns what a person needs: the title, the checks that did not pass, and the steps that led there."""
        from cronproof.errors import CronproofError  # noqa: PLC0415  (see the module)

        if isinstance(excinfo.value, CronproofError | NotPassedError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]  # pytest's own, passed on

    def reportinfo(self) -> tuple[Path, int, str]:
        """Returns the file, and the scenario's name."""
        return self.path, 0, self.file.id


class Exploration:
    """Calls of crons that are not made yet: what must hold decides what is looked at."""

    def __init__(
        self,
        config: pytest.Config,
        test: Path,
        given: Mapping[str, Any],
        when: Mapping[str, Any],
        functions: Sequence[Function],
    ) -> None:
        self._config = config
        self._functions = functions
        self._test = test
        self._given = given
        self._when = when

    def must(self, *checks: str | Mapping[str, Any] | Invariant) -> ScenarioResult:
        """Explores all schedules, and returns the result if the checks hold in all of them.

        A check is its name, or a mapping of its name to its parameters, as in a scenario file; or a function that gets
        a connection (psycopg, rows as dictionaries) after each execution, and asserts or returns violations as rows.

        Raises:
            NotPassedError: a check failed, or proved nothing; with the shortest schedule.
            pytest.fail.Exception: this is no scenario.
        """
        __tracebackhide__ = True  # the failure is the test's
        from cronproof.checks.holds_in_python import HoldsInPython  # noqa: PLC0415  (see the module)
        from cronproof.errors import InvalidScenario  # noqa: PLC0415  (see the module)
        from cronproof.scenario.reader import Source, make_scenario  # noqa: PLC0415  (see the module)

        crons = self._when["call"] if isinstance(self._when["call"], str) else " and ".join(self._when["call"])
        root = {
            "title": f"{crons} at once",
            "why": "a test in Python",
            "test": "race",
            "given": self._given,
            "when": self._when,
            "then": [check for check in checks if not callable(check)] or ["no-deadlock"],
        }
        invariants = [HoldsInPython(check) for check in checks if callable(check)]
        try:
            file = make_scenario(Source(self._test, root))
            file = replace(file, scenario=file.scenario.with_checks(invariants))
            result = _find_session(self._config).verify(file, self._functions)
        except InvalidScenario as invalid:
            pytest.fail("\n".join(mistake.message for mistake in invalid.mistakes), pytrace=False)
        if result.verdict != "PASS":
            raise NotPassedError(file.scenario.title, result)
        return result


class Cronproof:
    """What the fixture gives to a test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._config = request.config
        self._test = request.path

    def explore(
        self,
        call: str | Function | Sequence[str | Function],
        *,
        rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        instances: int | None = None,
        **when: Any,
    ) -> Exploration:
        """Prepares calls of a cron by several instances at once, or of several crons, on these rows.

        A cron is its name or, in place of the target, an async function: it gets the values of the placeholders by
        name (`database_url`, `services.mail.url`), each instance its own, and its name is the cron's.

        `when`: the words of a scenario's `when`; by default all interleavings are explored.
        """
        several = {} if instances is None else {"instances": instances}
        listed = list(call) if isinstance(call, Sequence) and not isinstance(call, str) else [call]
        functions = list(dict.fromkeys(one for one in listed if not isinstance(one, str)))
        names = [one if isinstance(one, str) else one.__name__ for one in listed]
        calls = names[0] if len(names) == 1 else names
        given = {"rows": {table: list(of_table) for table, of_table in (rows or {}).items()}}
        words = {"call": calls, "orders": ["one-after-the-other"], "interleavings": "all", **several, **when}
        return Exploration(self._config, self._test, given, words, functions)


@pytest.fixture
def cronproof(request: pytest.FixtureRequest) -> Cronproof:
    """Explores races in a test: `cronproof.explore("send-emails", instances=2).must("no-duplicate")`."""
    return Cronproof(request)


def _describe(title: str, result: ScenarioResult) -> Iterable[str]:
    """Yields what a person needs of a result that is no PASS."""
    from cronproof.report.views.interleavings import draw_timeline  # noqa: PLC0415  (see the module)

    yield title
    wrong = [check for check in result.checks if check.verdict != "PASS"]
    for check in wrong:
        yield f"  {check.verdict}  {check.id}: {check.message}"
    if result.counterexample is not None and result.timeline is not None:
        yield "the shortest schedule:"
        yield from draw_timeline(result.timeline)
        return
    order = next((check.order for check in wrong), None)
    for evidence in (one for one in result.evidence if one.order == order):
        yield f"in the order {order}:"
        yield from (f"    {step}" for step in evidence.steps)
