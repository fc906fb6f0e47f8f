"""Which functions a statement may call, and what it takes over from them."""

from cronproof.postgres.functions import Functions
from cronproof.postgres.instrumented import Function


def function(name: str, body: str, *, language: str = "plpgsql", is_called_unseen: bool = False) -> Function:
    source = f"begin {body} end" if language == "plpgsql" else body
    definition = f"create function {name}() returns int language {language} as $${source}$$"
    return Function(name, language, True, source, definition, is_called_unseen)


LOOK = function("look", "return count(*) from marks;")
TAKE = function("take", "perform look(); insert into marks values (1);")
TURN = function("turn", "perform pg_advisory_lock(1); perform take();")
NATIVE = function("native", "native", language="c")


def names(functions: Functions, statement: str) -> list[str]:
    return [one.name for one in functions.called_by(statement)]


def test_a_statement_calls_what_it_names_and_what_that_names() -> None:
    functions = Functions([LOOK, TAKE, TURN])

    assert names(functions, "select now()") == []
    assert names(functions, "select public.LOOK()") == ["look"]
    assert names(functions, "select turn()") == ["turn", "take", "look"]
    assert names(functions, "select overlook()") == []


def test_whoever_makes_a_statement_up_may_call_anything() -> None:
    functions = Functions([LOOK, TAKE, function("dynamic", "execute 'select lo' || 'ok()';")])

    assert names(functions, "select dynamic()") == ["dynamic", "look", "take"]
    assert names(functions, "execute prepared_before") == ["look", "take", "dynamic"]


def test_what_a_trigger_or_a_view_calls_may_be_called_by_any_statement() -> None:
    functions = Functions([LOOK, function("noted", "perform look(); return new;", is_called_unseen=True), TAKE])

    assert names(functions, "insert into jobs values (1)") == ["noted", "look"]


def test_a_function_is_opaque_for_its_callers_alone() -> None:
    functions = Functions([LOOK, TAKE, TURN, NATIVE])

    assert functions.are_opaque("select turn()")
    assert functions.are_opaque("select native()")
    assert not functions.are_opaque("select take()")


def test_a_function_without_its_points_is_not_transparent_for_its_callers() -> None:
    functions = Functions([LOOK, TAKE, TURN])
    functions.without_points.add(TAKE)

    assert functions.is_transparent("select look()")
    assert not functions.is_transparent("select turn()")
    functions.have_points = False
    assert not functions.is_transparent("select look()")
