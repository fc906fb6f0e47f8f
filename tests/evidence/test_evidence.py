"""The evidence of one execution."""

from dataclasses import replace

from cronproof.domain.instance import CronResponse
from cronproof.domain.work import Unit, UnitId
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from tests.support.evidence import ADA, ALL_SET, BEN, FOLLOWUP, JOBS, RUN, SET, after, job, lead, marked, run, sent


def died(instance: str) -> Step:
    return Step(instance, Point("call", "POST openphone /v1/messages"), fault="dies")


def test_a_claim_that_was_given_back_counts_as_one() -> None:
    given_back = run(after=after(*JOBS), claim_writes=[marked("A", 34), marked("A", 34, is_set=False)])

    assert given_back.claimed(FOLLOWUP) == {34}


def test_what_was_claimed_before_is_not_claimed_again() -> None:
    already = [job(32, ADA, followup_sent_at=SET), job(34, BEN)]

    assert run(before={"jobs": already}, after=ALL_SET, claim_writes=[]).claimed(FOLLOWUP) == {34}


def test_a_claim_of_the_recovery_counts() -> None:
    assert run(after=after(*JOBS), recovered=ALL_SET, claim_writes=[]).claimed(FOLLOWUP) == {32, 34}


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


def test_the_units_after_the_recovery_are_those_after_the_execution_if_there_was_none() -> None:
    assert RUN.state_of(FOLLOWUP, 32, recovered=True) == RUN.state_of(FOLLOWUP, 32)
    recovered = run(recovered=ALL_SET)
    assert (recovered.is_claimed(FOLLOWUP, 34), recovered.is_claimed(FOLLOWUP, 34, recovered=True)) == (False, True)


def test_a_unit_whose_row_is_gone_is_claimed_if_that_is_how_it_is_done() -> None:
    evidence = run(after=after(JOBS[0]))

    assert not evidence.is_claimed(FOLLOWUP, 34)
    assert evidence.is_claimed(replace(FOLLOWUP, removes=True), 34)


def test_units_are_by_default_those_that_were_due() -> None:
    evidence = run(before=after(*JOBS, job(47, None, status="scheduled")))

    assert evidence.choose(FOLLOWUP, None) == [32, 34]
    assert evidence.choose(FOLLOWUP, [47, 99]) == [47]


RECEIPT = replace(FOLLOWUP, name="receipt", unit="receipt", table="receipts")
RECEIPTS: dict[UnitId, Unit] = {32: Unit(32, claimed=True, done=True), 34: Unit(34, due=True), 99: Unit(99)}
TWO_WORKS = replace(
    RUN,
    application=replace(RUN.application, works=[FOLLOWUP, RECEIPT]),
    units={FOLLOWUP.name: RUN.units[FOLLOWUP.name], "receipt": RECEIPTS},
)


def test_an_id_that_two_works_have_means_the_unit_that_was_due() -> None:
    assert TWO_WORKS.choose(FOLLOWUP, [32, 34]) == [32, 34]
    assert TWO_WORKS.choose(RECEIPT, [32, 34]) == [34]
    assert TWO_WORKS.choose(RECEIPT, [99]) == [99]


def test_units_can_be_named_by_their_work() -> None:
    assert TWO_WORKS.choose(RECEIPT, {"receipt": [32, 34]}) == [32, 34]
    assert TWO_WORKS.choose(FOLLOWUP, {"receipt": [32, 34]}) == []
    assert TWO_WORKS.find_unknown({"receipt": [32]}) is TWO_WORKS.find_unknown([99]) is None
    assert TWO_WORKS.find_unknown({"receipt": [34, 35, 36]}) == "receipts 35 and 36: not there"
    assert TWO_WORKS.find_unknown([98]) == "job or receipt 98: not there"


def test_an_exception_must_say_which_of_two_due_units_it_means() -> None:
    assert TWO_WORKS.find_ambiguous([32]) is TWO_WORKS.find_ambiguous({"receipt": [34]}) is None
    found = TWO_WORKS.find_ambiguous([34])
    assert found == "job 34 and receipt 34 are both due: say which is meant by the name of its work, {followup: [34]}"


def test_a_message_is_for_the_work_of_its_cron_by_the_service_that_owes_it() -> None:
    assert RUN.works_for(sent(ADA)) == [FOLLOWUP]
    assert RUN.works_for(lead("Hi")) == []
    assert (
        replace(RUN, application=replace(RUN.application, works=[replace(FOLLOWUP, message=None)])).works_for(sent(ADA))
        == []
    )
    assert RUN.units_for(FOLLOWUP, sent(BEN)) == [34]


def test_a_message_must_contain_what_is_declared_and_equal_the_rest() -> None:
    units: dict[str, dict[UnitId, Unit]] = {
        "followup": {
            1: Unit(1, match={"to": ADA}, contains={"text": "Hi"}),
            2: Unit(2, match={"to": ADA}, contains={"text": "Bye"}),
            3: Unit(3, match={"to": None}),
        }
    }

    assert replace(RUN, units=units).units_for(FOLLOWUP, sent(ADA)) == [1]
