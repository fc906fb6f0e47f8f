"""An in-toto statement of what was tested, and with which result; signed, it is a DSSE envelope.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
https://github.com/secure-systems-lab/dsse
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnsupportedAlgorithmError
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # it says so in a way of its own

from cronproof.errors import UsageError
from cronproof.report.data.document import RESULTS, Document

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD = "application/vnd.in-toto+json"


def render(document: Document, signer: CryptoSigner | None = None) -> str:
    """Renders the file: a statement or, with a signer, an envelope around it."""
    text = json.dumps(statement(document), indent=2, ensure_ascii=False) + "\n"
    if signer is None:
        return text
    envelope = Envelope(text.encode(), PAYLOAD, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), indent=2) + "\n"


def statement(document: Document) -> dict[str, Any]:
    """Builds the statement. Its subjects are the results, the commit and the migrations, by digest.

    INCONCLUSIVE counts as failed, so that no policy takes it for a pass.
    """
    results = hashlib.sha256(document.text().encode()).hexdigest()
    subjects = [{"name": RESULTS, "digest": {"sha256": results}}]
    if not document.commit.startswith("unknown") and not document.dirty:
        subjects.append({"name": "commit", "digest": {"gitCommit": document.commit}})
    subjects += [{"name": one.file, "digest": {"sha256": one.sha256}} for one in document.migrations]
    passed = [scenario.id for scenario in document.scenarios if scenario.verdict == "PASS"]
    failed = [scenario.id for scenario in document.scenarios if scenario.verdict != "PASS"]
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED" if document.verdict == "PASS" else "FAILED",
            "configuration": [{"name": one.file, "digest": {"sha256": one.sha256}} for one in document.files],
            "passedTests": passed,
            "failedTests": failed,
        },
    }


def signer(key: Path) -> CryptoSigner:
    """Loads a signer from a private key in PEM: Ed25519, ECDSA or RSA.

    Raises:
        UsageError: the file holds none.
    """
    try:
        return CryptoSigner(load_pem_private_key(key.read_bytes(), password=None))
    except OSError as error:
        raise UsageError(f"cannot read {key}: {error.strerror}; --sign wants a private key in PEM") from None
    except (ValueError, TypeError, UnsupportedAlgorithmError) as error:
        reason = str(error).split(".", maxsplit=1)[0]
        raise UsageError(f"{key} is no private key in PEM that can sign, without a password: {reason}") from None


def is_signed(text: str, document: Document) -> bool:
    """Whether the text is an envelope around the statement of this document."""
    try:
        envelope = Envelope.from_dict(json.loads(text))
        return bool(envelope.signatures) and json.loads(envelope.payload) == statement(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
