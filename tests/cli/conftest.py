"""A counterexample for all who replay it."""

from pathlib import Path

import pytest

from tests.support.command import RACE, Cronproof


@pytest.fixture(scope="session")
def duplicate(cronproof: Cronproof, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A counterexample of the crons before the fix."""
    folder = tmp_path_factory.mktemp("legacy")
    done = cronproof("explore", RACE, "--target", "legacy", "--out", str(folder))
    assert (done.returncode, done.stderr) == (1, "")
    (folder / "stdout").write_text(done.stdout)
    return folder / "3-race.post-job-followup.counterexample.yaml"
