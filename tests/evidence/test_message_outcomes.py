"""Finding the outcome of each message of an execution."""

from collections.abc import Sequence
from dataclasses import replace

from cronproof.domain.instance import Instance
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.message_outcome import ExpectedMessage
from cronproof.evidence.message_outcomes import find_message_outcomes
from tests.support.evidence import ADA, ALL_SET, BEN, RUN, TWINS, job, lead, run, sent


def outcomes(
    evidence: Evidence, expected: Sequence[ExpectedMessage] = (), units: Sequence[int] | None = None
) -> list[tuple[str, str, str]]:
    found = find_message_outcomes(evidence, units, expected)
    return [(one.about, one.delivered, one.row) for one in found]


def test_each_unit_has_an_outcome() -> None:
    assert outcomes(RUN) == [("job 32", "once", "claimed"), ("job 34", "never", "free")]


def test_who_is_claimed_without_a_message_is_stuck() -> None:
    assert outcomes(run(after=ALL_SET)) == [("job 32", "once", "claimed"), ("job 34", "never", "stuck")]


def test_a_refused_message_did_not_arrive() -> None:
    assert outcomes(run(sent=[sent(ADA, status=500)]), units=[32]) == [("job 32", "never", "stuck")]


def test_messages_of_units_with_the_same_recipient_are_shared_out() -> None:
    def of(count: int) -> object:
        return [one[1] for one in outcomes(run(before=TWINS, after=TWINS, sent=[sent(ADA)] * count))]

    assert [of(0), of(1), of(2), of(3)] == [
        ["never", "never"],
        ["once", "never"],
        ["once", "once"],
        ["twice", "once"],
    ]


def test_both_instances_answers_are_told() -> None:
    (first, _) = find_message_outcomes(RUN)

    assert (first.cron, first.answers) == ("post-job-followup", ["A: 200", "B: 200"])


def test_an_expected_message_is_known_by_its_recipient_and_words() -> None:
    evidence = run(instances=[Instance("A", "ghl-followups")], sent=[lead("Hi Eli"), lead("Hi Eli"), lead("Bye")])
    hello, bye, other = (ExpectedMessage(to="contact 1", says=words) for words in ("Hi", "Bye", "Welcome"))

    assert [one[1:] for one in outcomes(evidence, [hello, bye, other], units=[])] == [
        ("twice", "claimed"),
        ("once", "claimed"),
        ("never", "free"),
    ]


def test_what_comes_in_the_recovery_may_be_too_late() -> None:
    late = run(sent=[sent(BEN, recovering=True)])

    assert [
        one[1]
        for in_time in (False, True)
        for one in outcomes(late, [ExpectedMessage(to=BEN, in_time=in_time)], units=[])
    ] == ["once", "never"]


def test_a_row_remembers_a_message_once_it_has_changed_or_appeared() -> None:
    by_row = ExpectedMessage(to=BEN, row={"events": {"id": 1}})
    rows = {"events": [{"id": 1, "state": "new"}]}
    changed = {"events": [{"id": 1, "state": "done"}]}

    def state(before: dict[str, list[dict[str, object]]], after: dict[str, list[dict[str, object]]]) -> object:
        evidence = run(before=RUN.before | before, after=RUN.after | after, sent=[])
        return [one[2] for one in outcomes(evidence, [by_row], units=[])]

    assert [state(rows, rows), state(rows, changed), state({}, rows)] == [["free"], ["stuck"], ["stuck"]]


def test_a_message_in_the_name_of_another_owner_is_not_the_one_that_was_due() -> None:
    rows = {"jobs": [job(32, ADA, tenant_id="north")]}
    of_another = replace(sent(ADA), message=replace(sent(ADA).message, owners=frozenset({"south"})))

    evidence = run(before=rows, after=rows, sent=[of_another])

    assert outcomes(evidence) == [("job 32", "never", "free")]
    assert outcomes(replace(evidence, sent=[sent(ADA), of_another])) == [("job 32", "twice", "free")]
    assert outcomes(evidence, [ExpectedMessage(to=ADA)], units=[]) == [("the message to ********0132", "never", "free")]
