"""`cronproof init --example`: an application that fails as it is, and passes after the fix."""

import json
from pathlib import Path

import pytest

from tests.support.command import Cronproof


@pytest.mark.postgres
def test_it_runs_at_once_fails_and_passes_after_the_fix(cronproof: Cronproof, tmp_path: Path) -> None:
    folder = tmp_path / "outbox"

    written = cronproof("init", "--example", str(folder))
    failed = cronproof("verify", folder=folder)
    passed = cronproof("verify", "--target", "claims", folder=folder)

    assert written.returncode == 0, written.stderr
    assert "cronproof verify --target claims" in written.stdout
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "FAIL  no-duplicate   email 1: " in failed.stdout
    assert "The shortest schedule that fails no-duplicate:" in failed.stdout
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "all there are, up to the order of independent steps" in passed.stdout


@pytest.mark.postgres
def test_what_an_application_prints_is_no_part_of_the_document(cronproof: Cronproof, tmp_path: Path) -> None:
    cronproof("init", "--example", str(tmp_path / "outbox"))
    app = tmp_path / "outbox" / "app.py"
    app.write_text(app.read_text() + '\nprint("here I am")\n')

    done = cronproof("verify", "--json", folder=tmp_path / "outbox")

    assert json.loads(done.stdout)["verdict"] == "FAIL"
    assert "here I am" in done.stderr


def test_nothing_is_overwritten(cronproof: Cronproof, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("mine = True\n")

    done = cronproof("init", "--example", str(tmp_path))

    assert done.returncode == 2
    assert done.stderr == (
        f"cronproof: {tmp_path}/app.py is there already; name a folder of its own: cronproof init --example FOLDER\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["app.py"]
