"""`cronproof doctor --target`: what a target does, cron by cron."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cronproof.engine.plan import Plan
from cronproof.scenario.reader import ScenarioFile
from cronproof.setup.doctor import examine_target
from cronproof.targets.config import TargetConfig
from tests.support import reference
from tests.support.database import Await
from tests.support.external import SERVES_FILES, target

pytestmark = pytest.mark.postgres


def told(plan: Plan, await_: Await, files: Sequence[ScenarioFile] = ()) -> list[str]:
    async def main() -> list[str]:
        return [f"{finding.state} {finding.what}" async for finding in examine_target(plan, files)]

    lines: list[str] = await_(main())
    return lines


def outside(config: TargetConfig, folder: Path) -> Plan:
    return reference.plan_of_server(config, logs=folder)


def test_each_cron_is_called_once_and_told_with_what_it_reached(
    await_: Await, scenario_files: list[ScenarioFile]
) -> None:
    lines = told(reference.plan(), await_, scenario_files)

    assert len(lines) == 12
    assert lines[0].startswith("ok post-job-followup: 200; reached: select id, slug, name")
    assert "openphone POST /v1/messages" in lines[0]
    assert lines[-1].startswith("ok messages that reached the mocks: openphone")


@pytest.mark.slow
def test_hosts_that_were_refused_are_told(await_: Await, tmp_path: Path, scenario_files: list[ScenarioFile]) -> None:
    lines = told(outside(target("phones-home"), tmp_path), await_, scenario_files)

    assert lines[-1].startswith("absent refused: https://telemetry.example.com, ")


def test_a_target_that_reaches_nothing_is_told(await_: Await, tmp_path: Path) -> None:
    lines = told(outside(target("contacts-nothing"), tmp_path), await_)

    assert lines[0] == "missing post-job-followup: A contacted neither the database nor a service"
    assert "missing no cron has reached the database: give the target {database_url} or {supabase_url}" in lines


def test_a_path_that_leads_nowhere_is_told_for_what_it_is(await_: Await, tmp_path: Path) -> None:
    lines = told(outside(target(command=SERVES_FILES), tmp_path), await_)

    assert lines[-2:] == [
        "missing every cron answers 404: is the target's `path` right?",
        "absent no cron has called a mocked API: nothing was due, or the calls go elsewhere",
    ]


def test_a_target_that_dies_is_told_once_with_its_last_output(
    await_: Await, tmp_path: Path, scenario_files: list[ScenarioFile]
) -> None:
    lines = told(outside(target("dies"), tmp_path), await_, scenario_files)

    assert lines[0] == "missing post-job-followup: A ended without a response"
    assert not any("monthly-followup" in line for line in lines)


def test_a_target_that_does_not_start_is_told(await_: Await, tmp_path: Path) -> None:
    (line,) = told(outside(target("crashes"), tmp_path), await_)

    assert line.startswith("missing instance A ended with exit code 1 before it could be called")
