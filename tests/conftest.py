"""Fixtures: one event loop and one embedded server for all tests, and their databases."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
import uvloop

from cronproof.internal_errors import until_error
from cronproof.postgres.database import Database
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.scenario.reader import ScenarioFile
from tests.support import reference
from tests.support.command import Cronproof, Done, run_command
from tests.support.database import Await, database_with
from tests.support.paths import ROOT

# How long an example takes to generate depends on the machine and its load.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])


hypothesis.settings.load_profile("untimed")


RUNS = {"verify", "explore", "replay", "risks", "prove"}
"""The commands that need a server."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs Node where there is none. In CI it fails."""
    if item.get_closest_marker("node") is not None and shutil.which("node") is None:
        pytest.fail("Node is missing") if os.environ.get("CI") == "true" else pytest.skip("Node is missing")


@pytest.fixture(scope="session")
def await_() -> Iterator[Await]:
    """Runs a coroutine in the shared event loop, so that connections outlive a test."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield lambda coroutine: runner.run(until_error(coroutine))


@pytest.fixture(scope="session")
def postgres(await_: Await) -> Iterator[Server]:
    """The embedded server."""
    stack = contextlib.AsyncExitStack()
    yield await_(stack.enter_async_context(server.open_server("embedded")))
    await_(stack.aclose())


@pytest.fixture(scope="session")
def database(await_: Await, postgres: Server) -> Iterator[Database]:
    """A database with the reference schema and the claim functions."""
    with database_with([*reference.SCHEMA, reference.LOCKING], await_, postgres, reference.WORKS) as made:
        yield made


@pytest.fixture(scope="session")
def cronproof(postgres: Server) -> Cronproof:
    """Runs the command on the embedded server of all tests: starting another takes longer than most runs."""

    def run(*arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> Done:
        on = ["--postgres", postgres.conninfo] if arguments[0] in RUNS and "--postgres" not in arguments else []
        return run_command(*arguments, *on, folder=folder, environment=environment)

    return run


@pytest.fixture(scope="session")
def scenario_files() -> list[ScenarioFile]:
    """All scenario files of the repository."""
    return reader.read_scenarios(reader.find_files([ROOT / "scenarios"]))
