"""Two runs compared."""

from pathlib import Path

import pytest

from cronproof.report.data.document import Document
from tests.support.command import Cronproof
from tests.support.documents import changed

pytestmark = pytest.mark.postgres


def test_a_comparison_tells_what_became_worse(cronproof: Cronproof, folder: Path, tmp_path: Path) -> None:
    race = next(
        one
        for one in Document.model_validate_json((folder / "results.json").read_text()).scenarios
        if one.counterexample
    )
    passed = [{"id": check.id, "verdict": "PASS", "message": "", "line": 1} for check in race.checks]
    earlier = changed(
        folder,
        tmp_path / "earlier",
        verdict="PASS",
        checks=[*passed, {"id": "rows", "verdict": "PASS", "message": "", "line": 1}],
        exploration={"outcomes": {"A: 200, 1 sent; B: 200, 0 sent": 2}, "seconds": 0.01},
    )

    worse = cronproof("report", str(folder), "--against", str(earlier))
    same = cronproof("report", str(folder), "--against", str(folder))
    better = cronproof("report", str(earlier), "--against", str(folder))

    assert (worse.returncode, same.returncode, better.returncode) == (1, 0, 0)
    part = worse.stdout.partition("## New failures")[2]
    assert "`3-race/post-job-followup`: FAIL no-duplicate: job 32" in part.partition("##")[0]
    assert "the check rows is gone" in part.partition("## Coverage lost")[2].partition("##")[0]
    assert "A: 200, 1 sent; B: 200, 1 sent (in " in part.partition("## Outcomes that appeared")[2]
    assert "no-duplicate passes now; it was FAIL" in better.stdout.partition("## Fixed")[2]
    assert (folder / "comparison.md").exists()
