"""The evidence of one execution."""

from cronproof.domain.instance import CronResponse
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from tests.support.evidence import ADA, ALL_SET, BEN, COLUMN, JOBS, RUN, SET, after, job, marked, run, sent


def died(instance: str) -> Step:
    return Step(instance, Point("call", "POST openphone /v1/messages"), fault="dies")


def test_a_claim_that_was_given_back_counts_as_one() -> None:
    given_back = run(after=after(*JOBS), claim_writes=[marked("A", 34), marked("A", 34, is_set=False)])

    assert given_back.claimed(COLUMN) == {34}


def test_what_was_claimed_before_is_not_claimed_again() -> None:
    already = [job(32, ADA, followup_sent_at=SET), job(34, BEN)]

    assert run(before={"jobs": already}, after=ALL_SET, claim_writes=[]).claimed(COLUMN) == {34}


def test_a_claim_of_the_recovery_counts() -> None:
    assert run(after=after(*JOBS), recovered=ALL_SET, claim_writes=[]).claimed(COLUMN) == {32, 34}


def test_the_outcome_does_not_depend_on_the_order_of_messages() -> None:
    one, other = [sent(ADA), sent(BEN, "B")], [sent(BEN, "B"), sent(ADA)]

    assert run(sent=one).outcome == run(sent=other).outcome
    assert run(sent=one).outcome != run(sent=one[:1]).outcome


def test_refused_messages_are_no_part_of_the_outcome() -> None:
    assert run(sent=[sent(ADA), sent(BEN, status=429)]).outcome == run(sent=[sent(ADA)]).outcome


def test_the_summary_says_what_each_instance_answered_and_sent() -> None:
    assert RUN.summary == "A: 200, 1 sent; B: 200, 0 sent"
    killed = run(responses=[CronResponse("B", 500, {})], steps=[died("A")], sent=[sent(ADA, "B", recovering=True)])
    assert (killed.died, killed.summary) == ({"A"}, "A: died, 0 sent; B: 500, 0 sent")


def test_the_rows_after_the_recovery_are_those_after_the_execution_if_there_was_none() -> None:
    assert RUN.unit_rows(recovered=True) == RUN.unit_rows()
    assert run(recovered=ALL_SET).unit_rows(recovered=True) == ALL_SET["jobs"]
