"""Which functions a statement may call, and what it takes over from them."""

from pathlib import Path

import pytest

from cronproof.postgres.functions import MOST_VERSIONS, Functions
from cronproof.postgres.instrumented import Function
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with


def function(name: str, body: str, *, language: str = "plpgsql", is_called_implicitly: bool = False) -> Function:
    source = f"begin {body} end" if language == "plpgsql" else body
    definition = f"create function {name}() returns int language {language} as $${source}$$"
    return Function(name, language, True, source, definition, is_called_implicitly)


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
    functions = Functions([LOOK, function("noted", "perform look(); return new;", is_called_implicitly=True), TAKE])

    assert names(functions, "insert into jobs values (1)") == ["noted", "look"]


def test_a_function_is_opaque_for_its_callers_alone() -> None:
    functions = Functions([LOOK, TAKE, TURN, NATIVE])

    assert functions.are_opaque("select turn()")
    assert functions.are_opaque("select native()")
    assert not functions.are_opaque("select take()")


NOTIFYING = function("noted", "perform pg_notify('jobs', ''); return new;", is_called_implicitly=True)


@pytest.mark.parametrize("listening", ["listen jobs", "select heard()"])
def test_a_notification_matters_once_somebody_listens(listening: str) -> None:
    functions = Functions([NOTIFYING, function("heard", "listen jobs;")])

    assert not functions.are_opaque("select 1")
    assert functions.notifies("insert into jobs values (1)")
    assert not functions.somebody_listens
    functions.note(listening)
    assert functions.somebody_listens


def test_a_function_without_its_points_is_not_transparent_for_its_callers() -> None:
    functions = Functions([LOOK, TAKE, TURN])
    functions.without_points.add(TAKE)

    assert functions.is_transparent("select look()")
    assert not functions.is_transparent("select turn()")
    functions.tables_have_points = False
    assert not functions.is_transparent("select look()")


def test_a_call_that_no_point_comes_before_matters_if_what_is_called_reads_by_an_older_snapshot() -> None:
    waiting = function("waiting", "while ready() loop perform take(); end loop;")
    ready = function("ready", "return 1;")
    reads = Function("ready", "plpgsql", False, "begin return count(*) from marks; end", "")

    assert Functions([waiting, ready]).is_transparent("select waiting()")
    assert not Functions([waiting, reads]).is_transparent("select waiting()")
    assert Functions([waiting, reads]).is_transparent("select ready()")
    functions = Functions()
    functions.read([waiting], of_extensions=["ready"])
    assert not functions.is_transparent("select waiting()")


def test_functions_that_the_application_creates_count_from_then_on() -> None:
    functions = Functions([LOOK])

    functions.note("create function later() returns int language sql as $$select look()$$; select later()")
    functions.note("create or replace function locked() returns void language sql as $$select pg_advisory_lock(1)$$")

    assert names(functions, "select later()") == ["later", "look"]
    assert functions.are_opaque("select locked()")
    assert not functions.are_opaque("select later()")
    functions.note("create or replace function later() returns int language c as 'a', 'b'")
    assert functions.are_opaque("select later()")


@pytest.mark.parametrize(
    "statement",
    [
        "create table kept (at int default look())",
        "create trigger kept before insert on jobs for each row execute function look()",
        "create view kept as select look()",
        "alter table jobs add check (look() > 0)",
        "create index on jobs (look())",
        "do $$ begin create table kept (at int default look()); end $$",
        "create function later() returns void language sql as $$select 1$$; create view kept as select look()",
    ],
)
def test_what_calls_functions_unasked_may_be_created_later(statement: str) -> None:
    functions = Functions([LOOK, TAKE])

    functions.note(statement)

    assert names(functions, "insert into jobs values (1)") == ["look"]
    before = list(functions)
    functions.note(statement)
    assert list(functions) == before


@pytest.mark.parametrize(
    "statement",
    [
        "do $$ begin create function later() returns int language sql as 'select 1'; end $$",
        "select deploy()",
        "create trigger half",
        "select run('create trigger kept before insert on jobs for each row execute function look()')",
        "alter function look() stable",
        "alter function look() rename to peek",
        "create function deploy_all() returns void language sql as $$select deploy()$$; select deploy_all()",
    ],
)
def test_what_nobody_has_seen_created_may_be_called_by_any_statement(statement: str) -> None:
    functions = Functions(
        [LOOK, function("deploy", "execute 'create trigger ' || name;"), function("run", "execute given;")]
    )

    assert not functions.are_opaque("select look()")
    functions.note(statement)
    assert functions.are_opaque("select look()")


@pytest.mark.parametrize(
    "statement",
    [
        "create or replace function deploy() returns void language plpgsql as $$begin create view a as select 1; end$$",
        "create temp table batch as select * from look()",
        "create table later (n int); grant execute on function look() to anon; comment on function look() is 'x'",
        "select run('select 1')",
    ],
)
def test_what_creates_nothing_that_calls_changes_nothing(statement: str) -> None:
    functions = Functions([LOOK, function("run", "execute given;")])

    functions.note(statement)
    functions.note(statement)

    assert not functions.are_stale
    assert not any(one.is_called_implicitly for one in functions)


def test_of_a_function_that_is_always_another_one_nothing_more_is_known() -> None:
    functions = Functions([])

    for number in range(MOST_VERSIONS + 1):
        assert not functions.are_stale
        functions.note(f"create or replace function later() returns int language sql as $$ select {number} $$")
    assert functions.are_stale
    assert len(list(functions)) == MOST_VERSIONS


def test_points_are_put_into_what_is_created_once_others_have_theirs() -> None:
    functions = Functions([])
    create = "create function take() returns void language plpgsql as $$ begin insert into marks values (1); end $$"
    assert functions.put_points(create) == create

    functions.have_points = True

    assert "cronproof_points.reach(" in functions.put_points(create)
    quoted = "create function put() returns void language plpgsql as 'begin insert into marks values (1); end'"
    assert functions.put_points(quoted) == quoted
    functions.note(quoted)
    assert not functions.is_transparent("select put()")
    told = create.replace("create function", "create /* a; b */ function")
    assert "cronproof_points.reach(" in functions.put_points(told)
    assert functions.put_points("insert into a values ($1) on conflict do update set n = $2") == (
        "insert into a values ($1) on conflict do update set n = $2"
    )


def test_names_are_found_however_they_are_written() -> None:
    functions = Functions([function("take$it", "null;"), function('a"b', "null;")])

    assert names(functions, "select TAKE$IT()") == ["take$it"]
    assert names(functions, 'select "a""b"()') == ['a"b']


SCHEMA = """
    create table jobs (id int, n int);
    create function by_trigger() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger called before insert on jobs for each row execute function by_trigger();
    create function by_view() returns int language sql as 'select 1';
    create view viewed as select by_view();
    create function by_default() returns int language sql as 'select 1';
    alter table jobs alter n set default by_default();
    create function by_policy() returns boolean language sql as 'select true';
    create policy allowed on jobs using (by_policy());
    create function by_operator(int, int) returns int language sql as 'select 1';
    create operator === (leftarg = int, rightarg = int, function = by_operator);
    create function by_aggregate(int, int) returns int language sql as 'select 1';
    create aggregate summed (int) (sfunc = by_aggregate, stype = int);
    create function by_nobody() returns int language sql as 'select 1';
"""


@pytest.mark.postgres
def test_the_server_says_what_is_called_by_something_that_is_no_function(
    await_: Await, postgres: Server, tmp_path: Path
) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(SCHEMA)

    with database_with([file], await_, postgres) as database:
        called = {one.name for one in database.inside.functions if one.is_called_implicitly}

    assert called == {"by_trigger", "by_view", "by_default", "by_policy", "by_operator", "by_aggregate"}
