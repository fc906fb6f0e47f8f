"""The folder of a run: formats against their schemas, rendered, compared, merged, signed."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.support.command import Cronproof
from tests.support.documents import content
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def test_everything_is_there_and_rendered_again_it_is_the_same(
    cronproof: Cronproof, folder: Path, run_once: Path
) -> None:
    before = content(folder)

    done = cronproof("report", str(folder))

    assert done.returncode == 0, done.stderr
    assert content(folder) == before == content(run_once)
    assert before.keys() == {
        *("attestation.json", "ctrf.json", "junit.xml", "results.json", "sign-off.html", "sign-off.md"),
        "3-race.post-job-followup.counterexample.yaml",
        "7-faults.post-job-followup.counterexample.yaml",
        "8-remaining.ghl-followups.known-1.yaml",
    }
    again = cronproof("replay", str(folder / "3-race.post-job-followup.counterexample.yaml"))
    assert (again.returncode, "still fails" in again.stdout) == (1, True)


def test_results_keep_to_the_schema_that_is_published(cronproof: Cronproof, folder: Path) -> None:
    schema = json.loads((ROOT / "docs" / "results.schema.json").read_text())

    assert json.loads(cronproof("schema", "results").stdout) == schema
    jsonschema.validate(json.loads((folder / "results.json").read_text()), schema)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "results.json:1:2: not JSON: "),
        ("[]", "results.json:1:1: says no version; this cronproof reads version 2"),
        ('{"version": 3}', "results.json:1:1: is of version 3; this cronproof reads version 2"),
        ('{"version": 2}', "results.json:1:1: not the results of a run: id: field required"),
    ],
)
def test_what_holds_no_results_is_one_clear_line(cronproof: Cronproof, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)

    done = cronproof("report", str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    assert cronproof("report", str(tmp_path / "nowhere")).returncode == 2
