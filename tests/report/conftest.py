"""One run for all report tests: a failing race, failing faults and known limits."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.support.command import Cronproof
from tests.support.paths import ROOT

SCENARIOS = [
    str(ROOT / "scenarios" / name)
    for name in (
        *("1-functions", "3-race/post-job-followup.yaml", "4-retry"),
        *("7-faults/post-job-followup.yaml", "8-remaining/ghl-followups.yaml"),
    )
]


@pytest.fixture(scope="session")
def run_once(cronproof: Cronproof, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the run. The first test process makes it."""
    base = tmp_path_factory.getbasetemp()
    out = (base if worker_id == "master" else base.parent) / "reports"
    out.mkdir(exist_ok=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "latest").exists():
            done = cronproof("verify", *SCENARIOS, "--target", "legacy", "--out", str(out))
            assert done.returncode == 1, done.stderr
    return (out / "latest").resolve()


SCHEMAS = ROOT / "tests" / "report" / "formats" / "node_modules"


@pytest.fixture
def folder(run_once: Path, tmp_path: Path) -> Path:
    """A copy of a run's folder, with the name that its report mentions."""
    return Path(shutil.copytree(run_once, tmp_path / "reports" / run_once.name))


@pytest.fixture
def schemas() -> Path:
    """The Node packages with third-party schemas. Only CI requires them."""
    if not SCHEMAS.exists() and not os.environ.get("CI"):
        pytest.skip("the schemas are packages for Node: make test installs them where there is npm")
    return SCHEMAS
