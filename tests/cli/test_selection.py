"""Selecting scenarios, a shard of them, and the number of processes."""

import os
from pathlib import Path

import pytest

from cronproof.cli import selection
from cronproof.errors import UsageError
from cronproof.scenario.reader import ScenarioFile
from cronproof.targets.config import TargetConfig
from tests.support import reference


@pytest.mark.parametrize(("shard", "positions"), [("1/2", [0, 2, 4]), ("2/2", [1, 3]), ("5/5", [4]), ("1/1", range(5))])
def test_a_shard_is_every_nth_scenario(shard: str, positions: list[int], scenario_files: list[ScenarioFile]) -> None:
    five = scenario_files[:5]

    assert selection.select_shard(five, shard) == [five[position] for position in positions]


def test_shards_together_are_all_scenarios_once(scenario_files: list[ScenarioFile]) -> None:
    shards = [selection.select_shard(scenario_files, f"{number}/7") for number in range(1, 8)]

    assert sorted(file.id for shard in shards for file in shard) == sorted(file.id for file in scenario_files)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", "1 / 2"])
def test_what_is_no_shard_is_a_usage_error(shard: str, scenario_files: list[ScenarioFile]) -> None:
    with pytest.raises(UsageError, match="is not of the form K/N"):
        selection.select_shard(scenario_files, shard)


def test_a_shard_without_scenarios_is_a_usage_error(scenario_files: list[ScenarioFile]) -> None:
    with pytest.raises(UsageError, match="there are 2 scenarios only"):
        selection.select_shard(scenario_files[:2], "3/3")


def test_without_a_folder_of_scenarios_one_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="there is no folder scenarios/ here"):
        selection.select_scenarios(None, slow=False)


def test_few_scenarios_and_servers_outside_take_one_process(
    scenario_files: list[ScenarioFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    outside = reference.plan_of_server(TargetConfig(command=["serve"]))

    processes = [selection.count_processes(reference.plan(), scenario_files[:count]) for count in (1, 11, 12, 100)]

    assert processes == [1, 1, 2, 4]
    assert selection.count_processes(outside, scenario_files) == 1
