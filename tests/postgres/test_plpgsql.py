"""PL/pgSQL is parsed whatever types an application has."""

import pytest

from cronproof.postgres.instrumented import Function
from cronproof.postgres.plpgsql import parse_function


def parsed(arguments: str, returns: str, body: str) -> bool:
    return parse_function(f"create function f({arguments}) {returns} language plpgsql as $_${body}$_$") is not None


@pytest.mark.parametrize(
    ("arguments", "returns", "body"),
    [
        ("given app.item", "returns app.item", "declare found app.item; begin select * into found from app.items; return found; end"),
        ("given state", "returns void", "declare s state; n int; begin select state, n from jobs into s, n; end"),
        ("given app.item[]", "returns setof app.item", "declare one app.item; begin foreach one in array given loop return next one; end loop; end"),
        ("", "returns setof app.items", "begin return query select * from app.items; end"),
        ("a app.item, out b app.state, inout c app.state", "", "begin b := c; return; end"),
        ("out b app.state", "returns setof app.state", "begin b := null; return next; end"),
        ("", "returns table (a app.item, b int)", "begin a := null; return next; end"),
        ("", "returns trigger", "declare old_one app.jobs%rowtype; s app.jobs.state%type; begin old_one.n := 1; return new; end"),
        ("", "returns void", "declare c constant app.state not null := 'x'; d alias for c; e cursor for select 1; f refcursor; begin open e; end"),
        ("", "returns void", "declare r app.item; begin for r in select * from app.items loop perform r.id; end loop; end"),
        ("variadic given app.item[]", "returns int", "<<outer>> declare n app.number = 1; begin declare m app.state[] default '{}'; begin m[1] := 'x'; end; end"),
    ],
)  # fmt: skip
def test_types_that_the_parser_does_not_know_are_replaced(arguments: str, returns: str, body: str) -> None:
    assert parsed(arguments, returns, body)


def test_procedures_are_parsed() -> None:
    assert parse_function("create procedure p(a app.item) language plpgsql as $$ begin commit; end $$") is not None


@pytest.mark.parametrize(
    "definition",
    [
        "create function f() returns app.item language plpgsql as $$ begin retrun 1; end $$",
        "create function f() returns app.item language plpgsql as $$ declare x app.item begin end $$",
        "select 1",
        "no sql",
    ],
)
def test_what_is_no_function_or_has_a_mistake_has_no_tree(definition: str) -> None:
    assert parse_function(definition) is None


def test_a_function_with_types_of_the_application_gets_its_points() -> None:
    body = "declare found app.item; begin select * into found from app.items; update app.items set n = found.n; return found; end"
    definition = f"create function app.take(given app.item) returns app.item language plpgsql as $_${body}$_$"

    function = Function("take", "plpgsql", True, body, definition)

    assert function.is_transparent
    assert function.source_with_calls.count("cronproof_points.reach(") == 2
