"""A timeline as lanes: the state of each instance at each step."""

from cronproof.engine.timeline import Broken, Moment, Note, Timeline
from cronproof.report.views.lanes import common, make_rows

WAITS = Note("wait", "B waits for A", "B", ("A",))
TIMELINE = Timeline(
    ["A", "B"],
    [
        Moment("A", "claim", []),
        Moment("B", "claim", [WAITS]),
        Moment("A", "commit", [Note("answer", "A answers 200", "A")]),
        Moment("B", "read", [Note("result", "SELECT 0", "B")]),
        Moment("B", "send", [], is_fault=True),
    ],
    Broken("no-loss", "lost", 4),
)


def test_an_instance_acts_waits_is_held_or_has_ended() -> None:
    states = [[place.state for place in row.places] for row in make_rows(TIMELINE)]

    assert states == [["acts", "idle"], ["idle", "acts"], ["acts", "waits"], ["ended", "acts"], ["ended", "acts"]]


def test_a_wait_begins_with_the_step_that_makes_it_wait() -> None:
    rows = make_rows(TIMELINE)

    assert (rows[1].places[1].is_first, rows[1].places[1].blockers) == (True, ("A",))
    assert (rows[2].places[1].is_first, rows[2].places[1].blockers) == (False, ("A",))


def test_the_broken_check_stands_at_its_step() -> None:
    rows = make_rows(TIMELINE)

    assert [row.broken.check if row.broken else None for row in rows] == [None, None, None, None, "no-loss"]
    assert [row.is_fault for row in rows] == [False, False, False, False, True]


def test_steps_are_shared_until_the_first_difference() -> None:
    other = Timeline(["A", "B"], [*TIMELINE.moments[:2], Moment("B", "commit", []), *TIMELINE.moments[3:]])

    assert [row.is_shared for row in make_rows(TIMELINE, other)] == [True, True, False, False, False]
    assert (common(TIMELINE, TIMELINE), common(TIMELINE, Timeline(["A"], []))) == (5, 0)


def test_a_wait_ends_with_the_first_sign_of_life() -> None:
    moments = [
        Moment("B", "claim", [WAITS]),
        Moment("A", "commit", [Note("result", "B: SELECT 1", "B")]),
        Moment("A", "x", []),
    ]

    states = [row.places[1].state for row in make_rows(Timeline(["A", "B"], moments))]

    assert states == ["acts", "waits", "idle"]


def test_an_instance_is_held_inside_a_statement() -> None:
    moments = [
        Moment("A", "insert", [], inside=["A"], is_held=True),
        Moment("B", "insert", [], inside=["A"]),
        Moment("A", "snapshot taken", [], is_inside=True),
        Moment("A", "commit", []),
    ]

    places = [row.places[0] for row in make_rows(Timeline(["A", "B"], moments))]

    assert [place.state for place in places] == ["acts", "inside", "acts", "acts"]
    assert [place.is_piece for place in places] == [True, False, True, False]
