"""max-attempts: the limit on attempts to send one message."""

from dataclasses import replace

from cronproof.checks.max_attempts import KnownAttempts, MaxAttempts
from cronproof.domain.message import SentMessage
from tests.support.evidence import ADA, BEN, assert_finding, run, sent

TWICE = [sent(ADA, status=500), sent(ADA, recovering=True, number=2)]
TWO = MaxAttempts(at_most=2)
ONE = MaxAttempts(at_most=1)
KNOWN = MaxAttempts(at_most=1, known=KnownAttempts(reason="no memory of attempts", targets=["reference"]))


def test_refusals_and_the_recovery_count() -> None:
    assert_finding(TWO, run(sent=TWICE), "PASS", "at most 2 of 2")
    assert_finding(ONE, run(sent=TWICE), "FAIL", "a message to ********0132 was tried 2 times, not at most 1")


def test_messages_to_others_are_other_messages() -> None:
    assert_finding(ONE, run(sent=[sent(ADA), sent(BEN)]), "PASS", "at most 1 of 1")


def test_messages_of_which_nothing_is_known_may_be_different_ones() -> None:
    blank = [replace(one, message=replace(one.message, content="")) for one in TWICE]

    assert_finding(ONE, run(sent=blank), "INCONCLUSIVE", "2 messages to ********0132 were tried, and nothing is known")
    assert_finding(ONE, run(sent=[*blank, *TWICE]), "FAIL", "a message to ********0132 was tried 2 times")
    assert_finding(KNOWN, run(target="reference", sent=[*blank, *blank, *TWICE]), "PASS", f"{WAS} tried 2 times")
    assert (ONE.anomalies(run(sent=blank)), ONE.anomalies(run(sent=TWICE))) == ((), ("tried too often",))


WAS = "a message to ********0132 was"
TASKS = {"tasks": [{"id": number, "to": ADA, "text": "Hi!"} for number in (1, 2)]}


def tried(*rounds: int) -> list[SentMessage]:
    return [replace(sent(ADA, status=500), round=number) for number in rounds]


def test_two_rows_may_ask_for_the_same_message() -> None:
    assert_finding(TWO, run(before=TASKS, sent=tried(0, 0, 1, 1)), "PASS", "at most 2 of 2")
    assert_finding(
        TWO, run(before=TASKS, sent=tried(0, 0, 1, 1, 2)), "FAIL", f"{WAS} tried 5 times, not at most 2 for each of 2"
    )
    assert_finding(TWO, run(before=TASKS, sent=tried(0, 0, 0)), "INCONCLUSIVE", "2 rows ask for the same message to")
    assert_finding(TWO, run(before={"tasks": TASKS["tasks"][:1]}, sent=tried(0, 1, 2)), "FAIL", f"{WAS} tried 3 times")


def test_more_than_a_known_limit_says_is_none() -> None:
    known = KnownAttempts(reason="both read the number")

    assert_finding(
        MaxAttempts(at_most=1, known=known),
        run(sent=tried(0, 1)),
        "PASS",
        f"{WAS} tried 2 times, not at most 1 (job 32), as is known",
    )
    assert_finding(MaxAttempts(at_most=1, known=known), run(sent=tried(0, 1, 2)), "FAIL", f"{WAS} tried 3 times")


def test_without_a_message_nothing_is_shown() -> None:
    assert_finding(ONE, run(sent=[]), "INCONCLUSIVE", "no message was tried")


def test_a_message_that_is_tried_in_every_call_was_not_given_up() -> None:
    in_vain = run(sent=TWICE, still_tried={(ADA, "Hi!")})

    assert_finding(TWO, in_vain, "INCONCLUSIVE", "a message to ********0132 is tried again in every call: these were")
    assert_finding(ONE, in_vain, "FAIL", "a message to ********0132 was tried 2 times, not at most 1")


def test_a_known_limit_passes_only_for_its_target_and_is_an_anomaly_all_the_same() -> None:
    of_target = run(sent=TWICE, target="reference")

    assert KNOWN.examine(of_target).known == ("no memory of attempts",)
    assert_finding(
        KNOWN, of_target, "PASS", "a message to ********0132 was tried 2 times, not at most 1 (job 32), as is known"
    )
    assert_finding(KNOWN, run(sent=TWICE, target="legacy"), "FAIL", "a message to")
    assert KNOWN.anomalies(of_target) == ("tried too often",)


def test_a_known_limit_that_never_shows_must_be_removed() -> None:
    good, bad = run(target="reference"), run(sent=TWICE, target="reference")

    concluded = [
        KNOWN.conclude(evidence, [KNOWN.examine(one) for one in evidence]) for evidence in ([good], [good, bad])
    ]

    assert [finding and finding.verdict for finding in concluded] == ["FAIL", "PASS"]
