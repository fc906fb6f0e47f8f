"""Selects the scenarios of a run, and the number of processes that verify them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from cronproof.engine.plan import Plan
from cronproof.errors import UsageError
from cronproof.scenario import reader
from cronproof.scenario.reader import ScenarioFile

SCENARIOS_PER_PROCESS = 12  # with fewer, a further process costs more than it saves


def select_scenarios(paths: Sequence[Path] | None, *, slow: bool) -> tuple[list[ScenarioFile], int]:
    """Returns the scenarios to run, and how many slow ones are left out since no path names them.

    Raises:
        UsageError: all of them are left out.
    """
    paths = paths or [_default_folder()]
    files = reader.read_scenarios(reader.find_files(paths))
    selected = [file for file in files if slow or not file.scenario.slow or file.source.file in paths]
    if not selected:
        raise UsageError(f"all scenarios of {paths[0]} are slow; run them with --slow")
    return selected, len(files) - len(selected)


def select_shard(files: Sequence[ScenarioFile], shard: str) -> list[ScenarioFile]:
    """Returns every N-th scenario, from the K-th on. That spreads the long ones of a folder.

    Raises:
        UsageError: `shard` is not of the form K/N, or has no scenarios.
    """
    part = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard)
    if part is None or int(part[1]) > int(part[2]):
        raise UsageError(f"--shard {shard!r} is not of the form K/N; write 2/5 for the second of five")
    selected = list(files[int(part[1]) - 1 :: int(part[2])])
    if not selected:
        raise UsageError(f"--shard {shard}: there are {len(files)} scenarios only")
    return selected


def count_processes(plan: Plan, files: Sequence[ScenarioFile]) -> int:
    """Returns how many processes to verify with. An external target is verified by one."""
    return 1 if plan.target_config.is_external else min(os.cpu_count() or 1, 1 + len(files) // SCENARIOS_PER_PROCESS)


def _default_folder() -> Path:
    """Returns the working directory's folder of scenarios.

    Raises:
        UsageError: there is none.
    """
    if not reader.SCENARIOS.exists():
        raise UsageError(
            f"there is no folder {reader.SCENARIOS}/ here; name scenario files, for example those in a checkout of cronproof"
        )
    return reader.SCENARIOS
