"""rpc-guarded, on evidence made by hand."""

from dataclasses import replace

import pytest

from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.evidence.evidence import Evidence
from tests.support.evidence import (
    FUNCTION,
    RUN,
    assert_finding,
    run,
)


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (RpcGuarded(function="f"), run(functions=[FUNCTION]), "PASS", "only service_role may execute f"),
        (RpcGuarded(function="f"), RUN, "FAIL", "there is no function f"),
        (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, executable_by=("service_role", "anon"))]), "FAIL", "anon may execute f("),
        (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, executable_by=())]), "FAIL", "service_role may not execute f("),
        (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, security_definer=True)]), "FAIL", "f is SECURITY DEFINER and its search_path is not pinned"),
        (RpcGuarded(function="f"), run(functions=[replace(FUNCTION, security_definer=True, search_path="")]), "PASS", "only"),
    ],
)  # fmt: skip
def test_finding(check: RpcGuarded, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)
