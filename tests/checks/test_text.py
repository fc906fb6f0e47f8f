"""text, on evidence made by hand."""

import pytest

from cronproof.checks.text import Text
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    TEXTS,
    assert_finding,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (Text.model_validate({32: ["Hi"]}), TEXTS, "PASS", "1 messages contain the expected words"),
        (Text.model_validate({32: ["Hi", "Ada"]}), TEXTS, "FAIL", "job 32: ********0132 got #1 by A (post-job-followup) 'Hi!', without 'Ada'"),
        (Text.model_validate({34: ["Hi"]}), TEXTS, "INCONCLUSIVE", "no message was accepted"),
        (Text.model_validate({"followup": {32: ["Ada"]}}), TEXTS, "FAIL", "job 32: ********0132 got #1"),
        (Text.model_validate({"monthly": {32: ["Ada"]}}), TEXTS, "INCONCLUSIVE", "no message was accepted"),
    ],
)  # fmt: skip
def test_finding(check: Text, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
