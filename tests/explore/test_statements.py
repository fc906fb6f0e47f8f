"""The statements of an execution: how far each is taken apart, and what a step executes of it."""

from cronproof.explore.statements import Statements
from cronproof.gate.point import Point
from cronproof.gate.trace import Piece, Wait

UPDATE = Point("statement", "update jobs set n = 1")
INSIDE = Point("inside", "UPDATE jobs … snapshot taken")


def test_a_statement_is_taken_apart_by_its_name_or_because_all_are() -> None:
    assert Statements({}).depth_of(UPDATE) is None
    assert Statements({"update jobs (n)": "pieces"}).depth_of(UPDATE) == "pieces"
    assert Statements({"update jobs (n)": "pieces"}).depth_of(Point("statement", "commit")) is None
    assert Statements({"*": "rows"}).depth_of(UPDATE) == "rows"


def test_a_step_from_a_point_inside_belongs_to_the_statement_that_was_sent() -> None:
    statements = Statements({})

    statements.begin_step("A", UPDATE)
    statements.note_statement(is_divisible=True, locks_unseen=False)
    assert statements.find_piece("A", UPDATE, []) == Piece("update jobs (n)", is_divisible=True)

    statements.begin_step("A", INSIDE)
    statements.note_row("public.jobs 1")
    statements.note_row("public.jobs 2")
    piece = statements.find_piece("A", INSIDE, [])
    assert piece == Piece("update jobs (n)", continues=True, rows=frozenset({"public.jobs 1", "public.jobs 2"}))


def test_a_call_is_no_piece_of_the_statement_before_it() -> None:
    statements = Statements({})
    statements.begin_step("A", UPDATE)
    statements.begin_step("A", Point("call", "openphone POST /v1/messages"))

    assert statements.find_piece("A", Point("call"), []) is None


def test_a_wait_is_a_meeting_of_both_statements() -> None:
    statements = Statements({})
    statements.begin_step("A", UPDATE)
    statements.begin_step("B", Point("statement", "delete from jobs"))

    piece = statements.find_piece("B", UPDATE, [Wait("B", UPDATE, ("A",))])

    assert piece is not None
    assert piece.met == {"update jobs (n)", "delete jobs"}
