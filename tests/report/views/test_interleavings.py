"""Interleavings as text: what was covered, and a failing schedule."""

from dataclasses import replace

import pytest

from cronproof.engine.results import Exploration
from cronproof.engine.timeline import Broken, Moment, Note, Timeline
from cronproof.explore.strategy import Assurance
from cronproof.report.views.interleavings import describe_coverage, draw_timeline, which

ALL = Exploration("all", 4, exhausted=True, distinct_outcomes=2, blocked_waits=0, seconds=0.25)


def test_the_coverage_is_a_sentence() -> None:
    one = replace(ALL, schedules=1, distinct_outcomes=1, blocked_waits=3)

    assert describe_coverage(ALL) == (
        "4 schedules (all there are, up to the order of independent steps), 2 distinct outcomes, no lock wait, 0.2 s"
    )
    assert describe_coverage(one).startswith("1 schedule (all")
    assert ", 1 distinct outcome, 3 lock waits, " in describe_coverage(one)


@pytest.mark.parametrize(
    ("exploration", "said"),
    [
        (replace(ALL, strategy="all-unreduced"), "all there are"),
        (replace(ALL, strategy="faults"), "one after the other, with every fault at every point"),
        (replace(ALL, strategy="preemptions:2"), "all there are; none has more than 2 preemptions"),
        (replace(ALL, strategy="preemptions:2", exhausted=False), "all with at most 2 preemptions"),
        (replace(ALL, ended="failed"), "all, until one failed"),
        (replace(ALL, ended="stopped"), "all, ended before all were run"),
        (replace(ALL, ended="stopped", stopped="the time was up"), "all, stopped: the time was up"),
        (
            replace(ALL, strategy="sample:9:2", assurance=Assurance(2, 0.5)),
            (
                "drawn at random; a failure that takes 2 pairs of steps in a certain order would have been found with a "
                "probability of at least 50 %"
            ),
        ),
    ],
)
def test_it_is_said_which_of_all_schedules_ran(exploration: Exploration, said: str) -> None:
    assert which(exploration) == said


def test_where_nothing_was_executed_that_is_said() -> None:
    nothing = Exploration("none", 0, exhausted=False, distinct_outcomes=0, blocked_waits=0, seconds=0.0)

    assert describe_coverage(nothing) == "0 schedules (nothing was executed), 0 distinct outcomes, no lock wait, 0.0 s"


def test_a_timeline_has_a_column_for_each_instance() -> None:
    notes = [Note("result", "SELECT 1", "A"), Note("claim", "job 32 set by A", "A")]
    moments = [
        Moment("A", "claim", notes),
        Moment("B", "send", []),
        Moment("B", "mark", [Note("answer", "B answers 200", "B")]),
    ]

    lines = list(draw_timeline(Timeline(["A", "B"], moments, Broken("no-duplicate", "sent twice", 1))))

    assert lines == [
        "    A      B",
        " 1  claim         SELECT 1; job 32 set by A",
        " 2         send",
        "    ✗ no-duplicate: sent twice",
        " 3         mark   B answers 200",
    ]


def test_a_statement_inside_which_somebody_is_held_is_a_bar() -> None:
    moments = [
        Moment("A", "insert marks", [], inside=["A"], is_held=True),
        Moment("B", "insert marks", [], inside=["A", "B"], is_held=True),
        Moment("A", "snapshot taken", [], is_inside=True, inside=["A", "B"], is_held=True),
        Moment("B", "snapshot taken", [], is_inside=True, inside=["A"]),
        Moment("A", "before row 32", [], is_inside=True),
        Moment("B", "commit", []),
    ]

    assert list(draw_timeline(Timeline(["A", "B"], moments))) == [
        "    A                 B",
        " 1  ┌ insert marks",
        " 2  │                 ┌ insert marks",
        " 3  ├ snapshot taken  │",
        " 4  │                 └ snapshot taken",
        " 5  └ before row 32",
        " 6                    commit",
    ]
