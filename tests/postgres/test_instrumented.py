"""Instrumented copies of functions: a call where a statement begins, and the same tree without it."""

import re

import pytest

from cronproof.postgres.instrumented import Function, calls_one, may_have_points, writes_first

HEAD = "CREATE FUNCTION f(j int, q text) returns int language plpgsql as $f$"


def plpgsql(source: str) -> Function:
    return Function("f", "plpgsql", is_volatile=True, source=source, definition=f"{HEAD}{source}$f$")


def stable(source: str) -> Function:
    return Function("f", "plpgsql", is_volatile=False, source=source, definition=f"{HEAD}{source}$f$")


def sql(source: str, *, is_volatile: bool = True) -> Function:
    return Function("f", "sql", is_volatile, source, "")


def calls(function: Function) -> list[str]:
    """What comes right after each call."""
    text = function.instrumented or ""
    return [
        " ".join(part.split()[:3]) for part in re.split(r"if cronproof_points\.reach\(.*?\) then end if;", text)[1:]
    ]


def test_a_call_comes_before_each_statement_that_executes_sql_and_before_no_other() -> None:
    function = plpgsql("""
        declare n int := 1; r record;
        begin
          n := n + 1;
          if exists (select from marks where job = j) then return 0; end if;
          insert into marks values (j);
          if not found then n := 2; else perform g(n); end if;
          <<rows>> for r in select * from marks loop
            update marks set job = case when n > 1 then r.job else j end;
          end loop;
          begin execute q; end;
          case n when 1 then delete from marks; else null; end case;
          return n;
        end
    """)

    assert calls(function) == [
        "if exists (select",
        "insert into marks",
        "perform g(n); end",
        "<<rows>> for r",
        "update marks set",
        "execute q; end;",
        "delete from marks;",
    ]
    assert function.is_transparent


def test_a_declaration_that_reads_nothing_is_no_statement() -> None:
    function = plpgsql("declare n int := 1; c cursor for select * from marks; begin open c; return n; end")

    assert calls(function) == ["open c; return"]
    assert function.is_transparent


def test_the_lines_of_a_copy_are_those_of_the_function() -> None:
    function = plpgsql("begin\n  insert into marks values (j);\n  return 1;\nend")

    assert (function.instrumented or "").count("\n") == function.definition.count("\n")


def test_comments_and_texts_that_look_like_statements_get_no_call() -> None:
    function = plpgsql("begin /* ; insert into a */ -- then update b\n  execute '; delete from c'; return 1; end")

    assert calls(function) == ["/* ; insert"]


def test_an_expression_with_the_words_of_a_statement_stays_as_it_is() -> None:
    function = plpgsql("begin\n  j := case when j > 1 then g(1) else g(2) end;\n  return j;\nend")

    assert calls(function) == ["j := case"]


@pytest.mark.parametrize(
    "body",
    [
        "begin if j = 1 then return 1; elsif exists (select from marks) then return 2; end if; return 3; end",
        "begin while (select count(*) from marks) > 0 loop delete from marks; end loop; return 1; end",
        "declare n int := (select count(*) from marks); begin return n; end",
        "begin case when j = 1 then null; when exists (select from marks) then return 2; end case; return 3; end",
        "this is no function",
    ],
)
def test_a_condition_that_reads_without_a_call_before_it_makes_a_function_opaque(body: str) -> None:
    assert not plpgsql(body).is_transparent


@pytest.mark.parametrize(
    "body",
    [
        "begin declare n int default g(1); begin return n; end; end",
        "begin while g(1) loop null; end loop; return 1; end",
    ],
)
def test_a_call_without_a_call_of_a_point_before_it_is_told(body: str) -> None:
    assert plpgsql(body).calls_unseen
    assert plpgsql(body).is_transparent
    assert not plpgsql("begin if g(1) then return 1; end if; end").calls_unseen


@pytest.mark.parametrize(
    ("function", "is_transparent"),
    [
        (sql("select count(*) from marks"), False),
        (sql("select count(*) from marks", is_volatile=False), True),
        (sql("select 1 + 1"), True),
        (sql(""), False),
        (sql("insert into marks select 1 from marks"), True),
    ],
)
def test_an_sql_function_goes_unnoticed_only_if_it_reads_by_a_snapshot_of_its_own(
    function: Function, is_transparent: bool
) -> None:
    assert function.instrumented is None
    assert function.is_transparent == is_transparent


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("insert into marks select 1 where not exists (select from marks)", True),
        ("update jobs set n = 1 where id in (select id from jobs for update skip locked)", True),
        ("with picked as (select id from jobs for update skip locked) update jobs set n = 1 from picked", True),
        (
            (
                "with picked as (select id from jobs for update), done as (update jobs set n = 1 from picked returning *) "
                "select * from done"
            ),
            True,
        ),
        (
            (
                "with picked as (select id from jobs for update), done as (update jobs set n = 1 from picked returning *) "
                "select * from done join picked using (id)"
            ),
            False,
        ),
        ("with gone as (delete from a returning *) insert into b select * from gone", False),
        ("select id from jobs for update", False),
        ("select 1", False),
        ("update a set b = 1; update a set b = 2", False),
        ("no sql", False),
    ],
)
def test_what_a_statement_does_before_the_point_of_its_first_write(statement: str, first: bool) -> None:
    assert writes_first(statement) is first


def test_a_query_that_does_nothing_but_call_one_function() -> None:
    names = frozenset({"claim", "other"})

    assert calls_one("select * from public.claim(1)", names) == "claim"
    assert calls_one("with called as (select * from claim(1)) select json_agg(called) from called", names) == "claim"
    assert calls_one("select claim(1), other(2)", names) is None
    assert calls_one("select claim(id) from jobs", names) is None
    assert calls_one("select now()", names) is None


@pytest.mark.parametrize(
    ("statement", "may"),
    [
        ("select id from jobs for update", False),
        ("select now(), id from jobs", False),
        ("select claim(1)", True),
        ("with a as (delete from jobs returning *) select * from a", True),
        ("update jobs set n = 1", True),
        ("do $$ begin end $$", True),
        ("fetch all from c", True),
        ("no sql", True),
    ],
)
def test_there_are_points_where_something_is_written_or_a_function_called(statement: str, may: bool) -> None:
    assert may_have_points(statement, frozenset({"claim"})) is may


@pytest.mark.parametrize(
    ("function", "unseen"),
    [
        (sql("select from marks where job = 1", is_volatile=False), True),
        (sql("select interval '1 day'", is_volatile=False), False),
        (sql("update marks set job = 1"), False),
        (sql("update marks set job = 1; select count(*) from marks"), True),
        (plpgsql("begin return (select count(*) from marks); end"), False),
        (stable("begin return count(*) from marks; end"), True),
        (stable("begin return extract(day from now()) is distinct from 3; end"), False),
    ],
)
def test_a_function_may_read_by_a_snapshot_that_is_older_than_its_locks(function: Function, unseen: bool) -> None:
    assert function.reads_unseen is unseen


@pytest.mark.parametrize(
    ("source", "is_transparent"),
    [
        ("insert into a values (1)", True),
        ("insert into a select * from b; update b set n = 1", True),
        ("insert into a values (1); select count(*) from b", False),
        ("select count(*) from b; insert into a values (1)", False),
    ],
)
def test_each_statement_of_an_sql_function_takes_a_snapshot_of_its_own(source: str, is_transparent: bool) -> None:
    assert sql(source).is_transparent is is_transparent


@pytest.mark.parametrize(
    ("source", "is_opaque"),
    [
        ("begin perform 1; end", False),
        ("begin perform pg_advisory_xact_lock(1); end", False),
        ("begin perform pg_advisory_lock(1); end", True),
        ("begin perform 1; exception -- if it is there\n when unique_violation then null; end", True),
        ("begin perform 1; -- set_config would be another way\n end", False),
        ("begin if to_regclass('a') is null then return; end if; end", True),
    ],
)
def test_a_function_that_does_what_no_lock_shows_is_opaque(source: str, is_opaque: bool) -> None:
    assert plpgsql(source).is_opaque is is_opaque
