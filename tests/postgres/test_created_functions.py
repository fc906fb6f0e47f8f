"""What SQL creates, and the points that are put into it."""

import re

import pytest

from cronproof.postgres.created_functions import find_created, put_points

CALL = re.compile(r" if cronproof_points\.reach\(.*?\) then end if;")


def test_a_block_of_code_gets_calls_like_a_function() -> None:
    block = "do $x$ declare n int; begin select count(*) into n from marks; insert into marks values (n); end $x$"

    instrumented = put_points(block)

    assert CALL.sub("", instrumented) == block
    assert instrumented.count("cronproof_points.reach(") == 2


@pytest.mark.parametrize(
    "statement",
    [
        "do 'begin perform 1; end'",
        "do language sql $$select 1$$",
        "do $$begin$$",
        "select 1",
        "do $$ begin end $$; select 1",
        "create function later() returns int language sql as $$ select 1 $$",
        "create function later() returns int language plpgsql stable as $$ begin perform 1; end $$",
    ],
)
def test_other_statements_stay_as_they_are(statement: str) -> None:
    assert put_points(statement) == statement


def test_each_statement_of_a_text_gets_its_own() -> None:
    text = """
        create table "ä" (id int);
        create or replace function take() returns void language plpgsql as $take$
        begin
            insert into "ä" values (1);
        end $take$;
        do $$ begin delete from "ä"; end $$;
        select take()"""

    instrumented = put_points(text)

    assert CALL.sub("", instrumented) == text
    assert instrumented.count("cronproof_points.reach(") == 2


def test_functions_are_read_from_what_creates_them() -> None:
    created = find_created(
        """create procedure app.put() language plpgsql as 'begin end';
        create function one() returns int stable begin atomic select 1; end;
        create function native() returns int as 'library', 'symbol' language c immutable;
        create view seen as select one(); select one()"""
    )

    assert created is not None
    assert [
        (code.function.name, code.function.language, code.function.is_volatile, code.function.source)
        for code in created.codes
    ] == [("put", "plpgsql", True, "begin end"), ("one", "sql", False, ""), ("native", "c", False, "library")]
    assert created.callers == ["create view seen as select one()"]
    assert created.executed == ["create view seen as select one()", "select one()"]


@pytest.mark.parametrize(
    ("statement", "is_caller"),
    [
        ("create materialized view kept as select look()", True),
        ("create table kept as select look()", False),
        ("create aggregate summed (int) (sfunc = look, stype = int)", True),
        ("alter table jobs alter n set default look()", True),
        ("drop function look()", False),
        ("explain select look()", False),
        ("call look()", False),
    ],
)
def test_what_creates_something_that_calls_functions(statement: str, is_caller: bool) -> None:
    created = find_created(statement)

    assert created is not None
    assert (created.callers == [statement]) is is_caller


@pytest.mark.parametrize("statement", ["create function", "create view '", "do '\udc80'"])
def test_nothing_is_known_of_what_cannot_be_parsed(statement: str) -> None:
    assert find_created(statement) is None
    assert put_points(statement) == statement


@pytest.mark.parametrize(
    "statement",
    [
        "create function f() returns int language plpgsql as $$ begin perform 'x; end $$",
        "do $$ begin /* perform 1; end $$",
        "create function f() returns app.item language plpgsql as $$ declare x app.item begin end $$",
    ],
)
def test_code_with_a_mistake_goes_to_the_server_as_it_is(statement: str) -> None:
    assert put_points(statement) == statement
