"""The result of a scenario."""

from dataclasses import replace

from cronproof.engine.evaluate import CheckResult
from cronproof.engine.results import Exploration
from cronproof.evidence.evidence import Evidence
from tests.support.documents import RESULT
from tests.support.evidence import ADA, RUN, run, sent


def test_the_reason_is_that_of_the_verdict() -> None:
    assert (RESULT.verdict, str(RESULT.reason)[:10]) == ("FAIL", "exclusive:")
    unclear = replace(RESULT, checks=[CheckResult("status", "PASS", "fine"), RESULT.checks[1]])
    assert (unclear.verdict, unclear.reason) == ("INCONCLUSIVE", "egress: cannot tell")
    assert replace(RESULT, checks=unclear.checks[:1]).reason is None


def test_without_checks_nothing_has_passed() -> None:
    assert replace(RESULT, checks=[]).verdict == "INCONCLUSIVE"


def test_executions_of_an_exploration_are_counted_once() -> None:
    explored = [Evidence(order="step-by-step"), Evidence(order="A B", is_explored=True)]

    result = replace(RESULT, evidence=explored)

    assert ([one.order for one in result.named], result.played) == (["step-by-step"], 1)


def test_named_orders_are_counted_by_their_outcomes() -> None:
    twice = [RUN, run(order="step-by-step"), run(sent=[sent(ADA), sent(ADA)])]

    found = Exploration.of_named_orders("orders", twice, 1.5)

    assert (found.schedules, found.distinct_outcomes, found.exhausted, found.ended) == (3, 2, False, "complete")
    assert found.outcomes == {"A: 200, 1 sent; B: 200, 0 sent": 2, "A: 200, 2 sent; B: 200, 0 sent": 1}
    assert Exploration.of_named_orders("single", [RUN], 1.0).exhausted
