"""Workflows of GitHub Actions."""

from pathlib import Path

import pytest

from tests.support.command import Cronproof
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def test_in_a_workflow_of_github_failures_stand_on_their_lines(cronproof: Cronproof, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    actions = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}

    done = cronproof(
        "verify",
        "scenarios/1-functions",
        "scenarios/3-race/post-job-followup.yaml",
        "--target",
        "legacy",
        "--out",
        str(tmp_path),
        environment=actions,
    )

    lines = (ROOT / "scenarios" / "3-race" / "post-job-followup.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "- no-duplicate" in text)
    place = f"::error file=scenarios/3-race/post-job-followup.yaml,line={line},title=FAIL no-duplicate%3A Two"
    assert done.returncode == 1
    assert any(text.startswith(place) for text in done.stdout.splitlines())
    assert done.stdout.count("::group::PASS 1-functions/") == done.stdout.count("::endgroup::") == 4
    assert summary.read_text() == (tmp_path / "latest" / "sign-off.md").read_text()
