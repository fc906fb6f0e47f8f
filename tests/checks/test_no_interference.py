"""no-interference and max-attempts, on evidence made by hand, with known limits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cronproof.checks.check import Check
from cronproof.checks.max_attempts import MaxAttempts
from cronproof.checks.no_interference import NoInterference
from cronproof.domain.instance import Instance
from cronproof.domain.message import Message, SentMessage
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding
from tests.support.evidence import APPLICATION


def _conclude(check: Check, evidence: Sequence[Evidence]) -> Finding | None:
    return check.conclude(evidence, [check.examine(one) for one in evidence])


ADA = "+12125550132"
KNOWN = {"between": ["post-job-followup"], "and": ["ghl-followups", "crew-briefing"], "reason": "nobody asks"}
KNOWN_LIMIT = NoInterference.model_validate({"known": [KNOWN]})
ELSEWHERE = NoInterference.model_validate({"known": [KNOWN | {"targets": ["hardened"]}]})


def sent(instance: str, cron: str, to: str, text: str = "Hi", service: str = "openphone") -> SentMessage:
    return SentMessage(cron, Message(to, text, 202, "1", service=service, instance=instance))


SMS = sent("A", "post-job-followup", ADA, "How was it?")
LEAD = sent("B", "ghl-followups", "contact1", "Thanks!", "ghl")


def run(
    *messages: SentMessage, crons: tuple[str, str] = ("post-job-followup", "ghl-followups"), **changes: Any
) -> Evidence:
    instances = [Instance(name, cron) for name, cron in zip("AB", crons, strict=True)]
    rows = {"ghl_followups": [{"ghl_contact_id": "contact1", "phone_number": ADA}]}
    made = Evidence("x", "reference", APPLICATION, instances=instances, before=rows, sent=messages)
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("check", "seen", "verdict", "message"),
    [
        (NoInterference(), run(SMS, LEAD), "FAIL", "********0132 gets 2 messages at once, of ghl-followups and post-job-followup"),
        (NoInterference(), run(SMS, LEAD, before={}), "PASS", "nobody gets messages of two at once"),
        (NoInterference(), run(SMS, SMS), "PASS", "nobody gets messages of two at once"),  # both from A: for no-duplicate
        (NoInterference(), run(SMS, sent("B", "post-job-followup", ADA, "How was it?")), "FAIL", "of post-job-followup, the same text"),
        (NoInterference(), run(SMS, replace(LEAD, round=1)), "PASS", "nobody gets messages of two at once"),
        (NoInterference(), run(), "INCONCLUSIVE", "no message was accepted"),
        (KNOWN_LIMIT, run(SMS, LEAD), "PASS", "********0132 gets 2 messages at once"),
        (KNOWN_LIMIT, run(SMS, LEAD, crons=("check-timeouts", "ghl-followups")), "FAIL", "gets 2 messages at once"),
        (ELSEWHERE, run(SMS, LEAD), "FAIL", "gets 2 messages at once"),
    ],
)  # fmt: skip
def test_who_gets_messages_of_two_at_once(check: NoInterference, seen: Evidence, verdict: str, message: str) -> None:
    finding = check.examine(seen)

    assert (finding.verdict, message in finding.message) == (verdict, True), finding
    assert bool(finding.known) == (check is KNOWN_LIMIT and verdict == "PASS")


def test_that_the_order_decides_who_gets_what_is_seen_in_all_runs_together() -> None:
    either = [run(SMS, key="1"), run(LEAD, key="2")]

    finding = _conclude(NoInterference(), either)
    assert finding is not None
    assert (finding.verdict, finding.message) == ("FAIL", "which messages ********0132 gets depends on who is first")
    known = _conclude(KNOWN_LIMIT, either)
    assert known is not None
    assert (known.verdict, known.known) == ("PASS", ("nobody asks",))
    assert _conclude(NoInterference(), [run(SMS, key="1"), run(SMS, key="2")]) is None


def test_an_interference_that_is_gone_is_no_known_one() -> None:
    finding = _conclude(KNOWN_LIMIT, [run(SMS)])

    assert finding is not None
    assert (finding.verdict, finding.message.startswith("a known limit no longer shows")) == ("FAIL", True)
    assert _conclude(ELSEWHERE, [run(SMS)]) is None


THRICE = run(SMS, SMS, SMS)
LIMITED = MaxAttempts.model_validate({"at_most": 2, "known": {"reason": "it miscounts"}})


@pytest.mark.parametrize(
    ("check", "seen", "verdict", "message"),
    [
        (MaxAttempts(at_most=2), run(SMS, SMS, LEAD), "PASS", "at most 2 of 2"),
        (MaxAttempts(at_most=2), THRICE, "FAIL", "a message to ********0132 was tried 3 times, not at most 2"),
        (
            MaxAttempts(at_most=2),
            run(SMS, SMS, sent("A", "post-job-followup", ADA, "Another")),
            "PASS",
            "at most 2 of 2",
        ),
        (MaxAttempts(at_most=2), run(), "INCONCLUSIVE", "no message was tried"),
        (LIMITED, THRICE, "PASS", "tried 3 times, not at most 2, as is known"),
    ],
)
def test_how_often_a_message_is_tried(check: MaxAttempts, seen: Evidence, verdict: str, message: str) -> None:
    finding = check.examine(seen)

    assert (finding.verdict, message in finding.message) == (verdict, True), finding
    assert list(check.anomalies(seen)) == (["tried too often"] if seen is THRICE else [])


def test_tries_that_are_known_to_be_too_many_must_show() -> None:
    shown, gone = _conclude(LIMITED, [run(SMS), THRICE]), _conclude(LIMITED, [run(SMS)])

    assert shown is not None
    assert gone is not None
    assert (shown.verdict, gone.verdict) == ("PASS", "FAIL")
