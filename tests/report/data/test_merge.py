"""Shards of a run, merged."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.command import Cronproof
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def test_shards_are_merged_and_none_may_be_missing(cronproof: Cronproof, tmp_path: Path) -> None:
    scenarios = str(ROOT / "scenarios" / "1-functions")
    places = []
    for part in ("1/2", "2/2"):
        out = tmp_path / part.replace("/", "-")
        assert cronproof("verify", scenarios, "--shard", part, "--out", str(out)).returncode == 0
        places.append(str(out / "latest"))

    merged = cronproof("report", "merge", *places, "--out", str(tmp_path / "all"), "--json")
    alone = cronproof("report", "merge", places[0], "--out", str(tmp_path / "part"))
    copy = shutil.copytree(Path(places[0]).resolve(), tmp_path / "copy")
    twice = cronproof("report", "merge", *places, str(copy), "--out", str(tmp_path / "part"))

    ids = [scenario["id"] for scenario in json.loads(merged.stdout)["scenarios"]]
    assert merged.returncode == 0
    assert ids == sorted(f"1-functions/{file.stem}" for file in Path(scenarios).glob("*.yaml"))
    assert (alone.returncode, "shard 2/2 is missing" in alone.stderr) == (2, True)
    assert (twice.returncode, "shard 1/2 is there twice" in twice.stderr) == (2, True)
    assert not (tmp_path / "part").exists()
