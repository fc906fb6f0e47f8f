"""The in-toto attestation."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # not exported explicitly

from tests.support.command import Cronproof
from tests.support.documents import changed
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


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


def test_a_signature_can_be_verified_and_outlives_rendering_again(
    cronproof: Cronproof, folder: Path, tmp_path: Path
) -> None:
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
