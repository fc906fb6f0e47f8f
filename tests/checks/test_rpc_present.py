"""rpc-present, on evidence made by hand."""

from dataclasses import replace

import pytest

from cronproof.checks.rpc_present import RpcPresent
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    FUNCTION,
    PRESENT,
    RUN,
    assert_finding,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (PRESENT, run(functions=[FUNCTION]), "PASS", "f(a integer, b text = 'x'::text)"),
        (PRESENT, RUN, "FAIL", "there is no function f"),
        (PRESENT, run(functions=[FUNCTION, replace(FUNCTION, arguments="a integer")]), "FAIL", "f exists 2 times"),
        (PRESENT, run(functions=[replace(FUNCTION, arguments="a integer")]), "FAIL", "f takes (a integer), not (a integer, b text = "),
        (PRESENT, run(functions=[replace(FUNCTION, result="void")]), "FAIL", "f returns (void), not (c integer)"),
    ],
)  # fmt: skip
def test_finding(check: RpcPresent, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
