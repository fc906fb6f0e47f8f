"""no-duplicate, on evidence made by hand."""

from dataclasses import replace

import pytest

from cronproof.checks.no_duplicate import NoDuplicate
from cronproof.domain.message import SentMessage
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding
from tests.support.evidence import (
    ADA,
    RUN,
    TWINS,
    assert_finding,
    job,
    lead,
    marked,
    run,
    sent,
)

CLEO, DORA = "+12125550136", "+12125550137"


@pytest.mark.parametrize(
    ("check", "evidence", "verdict", "message"),
    [
        (NoDuplicate(), RUN, "PASS", "1 accepted, none twice"),
        (NoDuplicate(), run(sent=[sent(ADA), sent(ADA, "B", number=2)]), "FAIL", "job 32: ********0132 got 2 messages: #1 by A"),
        (NoDuplicate(), run(sent=[sent(ADA), sent(ADA, recovering=True)]), "FAIL", "job 32: ********0132 got 2 messages"),
        (NoDuplicate(), run(sent=[sent(ADA, status=500), sent(ADA)]), "PASS", "1 accepted"),
        (NoDuplicate(), run(sent=[sent(ADA)] * 2, before=TWINS, claim_writes=[marked("A", 32), marked("B", 33)]), "PASS", "2 accepted"),
        (NoDuplicate(), run(sent=[sent(ADA)] * 3, before=TWINS, claim_writes=[marked("A", 32), marked("B", 33)]), "FAIL", "jobs 32 and 33: "),
        (NoDuplicate(), run(sent=[sent(ADA)] * 2, before=TWINS), "FAIL", "job 32: ********0132 got 2 messages"),
        (NoDuplicate(), run(sent=[]), "INCONCLUSIVE", "no message was accepted, so none could be a duplicate"),
        (NoDuplicate(), run(sent=[lead("Hi!"), lead("Hi!", "B")]), "FAIL", "*****ct 1 got 2 messages"),
        (NoDuplicate(), run(sent=[lead("Job 32 is late"), lead("Job 33 is late")]), "PASS", "2 accepted"),
    ],
)  # fmt: skip
def test_finding(check: NoDuplicate, evidence: Evidence, verdict: str, message: str) -> None:
    assert_finding(check, evidence, verdict, message)


def test_messages_of_which_nothing_is_known_cannot_be_compared() -> None:
    blank = replace(sent(CLEO), message=replace(sent(CLEO).message, content=""))

    def about(subject: str) -> SentMessage:
        return replace(blank, message=replace(blank.message, more={"subject": subject}))

    assert_finding(
        NoDuplicate(), run(sent=[blank] * 2), "INCONCLUSIVE", "********0136 got 2 messages, and nothing is known"
    )
    assert_finding(NoDuplicate(), run(sent=[about("Hi")] * 2), "FAIL", "********0136 got 2 messages: #1 by A")
    assert_finding(NoDuplicate(), run(sent=[about("Hi"), about("Bye")]), "PASS", "2 accepted")
    assert_finding(NoDuplicate(), run(sent=[blank, blank, sent(DORA), sent(DORA)]), "FAIL", "********0137 got 2")


def test_messages_that_never_fit_a_unit_prove_nothing() -> None:
    elsewhere = run(sent=[sent(CLEO), sent(DORA)])
    idle = run(sent=[sent(CLEO)], before={"jobs": []}, after={"jobs": []}, claim_writes=[])
    refused = run(sent=[sent(ADA, status=500), sent(CLEO)])

    def conclude(*evidence: Evidence) -> Finding | None:
        check = NoDuplicate()
        return check.conclude(evidence, [check.examine(one) for one in evidence])

    found = conclude(elsewhere, elsewhere)
    assert found is not None
    assert found.verdict == "INCONCLUSIVE"
    assert found.message.endswith("fits no job: is `match` of [work.followup.message] right?")
    unreachable = run(
        sent=[sent(CLEO)], before={"jobs": [job(32, None)]}, after={"jobs": [job(32, None)]}, claim_writes=[]
    )
    assert conclude(elsewhere, RUN) is conclude(idle) is conclude(refused) is conclude(unreachable) is None


@pytest.mark.parametrize(("messages", "verdict"), [(1, "PASS"), (2, "PASS"), (3, "FAIL")])
def test_as_many_rows_as_ask_for_a_text_may_get_it(messages: int, verdict: str) -> None:
    of_task = replace(sent(ADA), cron="process-scheduled-tasks")
    tasks = [{"id": number, "payload": {"phone": ADA, "content": "Hi!"}} for number in (1, 2)]

    assert_finding(NoDuplicate(), run(before={"tasks": tasks}, sent=[of_task] * messages), verdict, "")


def test_a_row_that_nobody_worked_on_asks_for_nothing() -> None:
    of_task = replace(sent(ADA), cron="process-scheduled-tasks")
    rows = {"visits": [{"id": number, "customer_id": 1} for number in (1, 2)], "customers": [{"id": 1, "phone": ADA}]}

    assert_finding(
        NoDuplicate(), run(before=rows, after=rows, sent=[of_task] * 2), "FAIL", "********0132 got 2 messages"
    )
    assert_finding(NoDuplicate(), run(before=rows, after={}, sent=[of_task] * 2), "PASS", "2 accepted, none twice")


def test_a_row_that_asks_for_another_text_does_not_count() -> None:
    def task(text: str) -> SentMessage:
        of = sent(ADA)
        return replace(of, cron="process-scheduled-tasks", message=replace(of.message, content=text))

    tasks = [{"id": number, "payload": {"phone": ADA, "content": text}} for number, text in enumerate("ab")]
    visits = [{"id": number, "phone": ADA} for number in (1, 2)]

    for before in ({"tasks": tasks}, {"visits": visits}):
        assert_finding(NoDuplicate(), run(before=before, after={}, sent=[task("a"), task("b")]), "PASS", "2 accepted")
        twice = run(before=before, after={}, sent=[task("a"), task("b"), task("a")])
        assert_finding(NoDuplicate(), twice, "FAIL", "********0132 got 2 messages")
