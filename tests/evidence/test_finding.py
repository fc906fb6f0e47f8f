"""Verdicts."""

from cronproof.evidence.finding import worst


def test_the_worst_verdict_counts_and_none_is_no_pass() -> None:
    assert worst(["PASS", "INCONCLUSIVE", "FAIL"]) == "FAIL"
    assert worst(["PASS", "INCONCLUSIVE"]) == "INCONCLUSIVE"
    assert worst(["PASS"]) == "PASS"
    assert worst([]) == "INCONCLUSIVE"
