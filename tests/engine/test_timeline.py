"""The timeline of an execution, and the step at which a check broke."""

from dataclasses import replace
from typing import Any

from cronproof.checks.no_duplicate import NoDuplicate
from cronproof.checks.no_loss import NoLoss
from cronproof.domain.database import SqlError
from cronproof.domain.instance import CronResponse
from cronproof.engine.timeline import find_broken_step, make_timeline
from cronproof.evidence.evidence import Evidence
from cronproof.gate.point import Point
from cronproof.gate.trace import Step, Wait
from tests.support.evidence import ADA, RUN, after, job, marked, sent

CLAIM = Point("statement", "select * from claim_jobs_for_followup($1)")
SEND = Point("call", "POST openphone /v1/messages")


def growing(*changes: dict[str, object]) -> list[Evidence]:
    """Evidence after each step, each with what the one before had and some more."""
    evidence = replace(RUN, sent=[], claim_writes=[], responses=[], steps=[], after=after(job(32, ADA)))
    found = []
    for change in changes:
        longer: dict[str, Any] = {name: [*getattr(evidence, name), value] for name, value in change.items()}
        evidence = replace(evidence, **longer)
        found.append(evidence)
    return found


RACE = growing(
    {"steps": Step("A", CLAIM, results=("SELECT 1",)), "claim_writes": marked("A", 32)},
    {"steps": Step("B", CLAIM, channel=2), "waits": Wait("B", CLAIM, ("A",))},
    {"steps": Step("A", SEND, fault="unknown-error-after"), "sent": sent(ADA)},
    {"steps": Step("B", SEND), "sent": sent(ADA, "B", status=429, number=2)},
    {"steps": Step("B", SEND), "sent": sent(ADA, "B", number=3), "responses": CronResponse("B", 200, {})},
    {"steps": Step("A", CLAIM), "errors": SqlError("A", "40001", "could not serialize access")},
)


def test_each_step_shows_what_it_led_to() -> None:
    moments = make_timeline(RACE).moments

    assert [[(note.kind, note.text) for note in moment.notes] for moment in moments] == [
        [("result", "SELECT 1"), ("claim", "job 32 claimed by A (followup)")],
        [("wait", "B waits for A")],
        [("message", "message #1 to ********0132 accepted")],
        [("message", "message #2 to ********0132 refused with 429")],
        [("message", "message #3 to ********0132 accepted"), ("answer", "B answers 200")],
        [("error", "A: could not serialize access")],
    ]


def test_a_step_names_its_channel_and_its_fault() -> None:
    steps = [moment.step for moment in make_timeline(RACE).moments]

    assert (steps[1].endswith(" (channel 2)"), steps[2].endswith(" [unknown-error-after]")) == (True, True)
    assert [moment.is_fault for moment in make_timeline(RACE).moments] == [False, False, True, False, False, False]


def test_a_check_breaks_at_the_first_step_from_which_it_fails() -> None:
    assert find_broken_step(NoDuplicate(), "twice", RACE).at == 4


def test_what_is_missing_from_the_start_is_missing_at_the_end() -> None:
    broken = find_broken_step(NoLoss(units=[32]), "lost", [replace(one, sent=[], after=RUN.after) for one in RACE])

    assert broken.at == len(RACE) - 1


def test_an_instance_is_held_inside_a_statement_until_its_next_step_begins_there() -> None:
    row = Point("inside", "UPDATE jobs … before row 32")
    inside = growing(
        {"steps": Step("A", CLAIM)}, {"steps": Step("B", CLAIM)}, {"steps": Step("A", row)}, {"steps": Step("B", row)}
    )

    moments = make_timeline(inside).moments

    assert [(moment.is_inside, moment.inside, moment.is_held) for moment in moments] == [
        (False, ["A"], True),
        (False, ["A", "B"], True),
        (True, ["B"], False),
        (True, [], False),
    ]


def test_another_channel_of_who_is_held_inside_a_statement_is_not() -> None:
    row = Point("inside", "UPDATE jobs … before row 32")
    two = growing({"steps": Step("A", CLAIM)}, {"steps": Step("A", CLAIM, channel=2)}, {"steps": Step("A", row)})

    assert [moment.is_held for moment in make_timeline(two).moments] == [True, False, False]
