"""Taking statements apart: which are, how far, and that whole ones come first."""

import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from cronproof.explore import explorer
from cronproof.explore.explorer import Coverage
from cronproof.explore.inside import EVERYTHING_APART, Choice, Meetings
from cronproof.gate.footprint import EVERYTHING, NOTHING, Footprint
from cronproof.gate.trace import Decision, Piece
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with
from tests.support.sessions import Sessions

WRITES = Footprint({"jobs": "write"})


def step(chosen: str, footprint: Footprint = WRITES, **piece: object) -> Decision:
    return Decision(("A", "B"), chosen, footprint, Piece(**{"statement": "update", "is_divisible": True, **piece}))  # type: ignore[arg-type]


def test_a_statement_that_conflicts_with_that_of_another_instance_is_taken_apart() -> None:
    meetings = Meetings()

    meetings.add([step("A"), step("B", statement="insert"), step("B", NOTHING, statement="delete")])

    assert meetings.find_apart() == {"insert": "pieces", "update": "pieces"}


def test_what_one_instance_does_meets_nothing_of_its_own() -> None:
    meetings = Meetings()

    meetings.add([step("A"), step("A", statement="insert")])

    assert meetings.find_apart() == {}


def test_what_cannot_be_taken_apart_stays_whole_and_is_named_if_it_locks_rows() -> None:
    meetings = Meetings()

    meetings.add([step("A"), step("B", statement="select", is_divisible=False, locks_unseen=True)])

    assert meetings.find_apart() == {"update": "pieces"}
    assert meetings.unseen == {"select"}


@pytest.mark.parametrize(
    ("decisions", "depth"),
    [
        ([step("A", rows=frozenset({"jobs 1", "jobs 2"})), step("B", rows=frozenset({"jobs 3"}))], "pieces"),
        ([step("A", rows=frozenset({"jobs 1", "jobs 2"})), step("B", rows=frozenset({"jobs 2"}))], "rows"),
        ([step("A", rows=frozenset({"jobs 2"})), step("B", rows=frozenset({"jobs 2"}))], "pieces"),
        ([step("A", rows=frozenset({"jobs 1", "jobs 2"})), step("B", EVERYTHING, met=frozenset({"update"}))], "rows"),
    ],
    ids=["other rows", "the same row", "one row each", "a wait"],
)
def test_statements_of_several_rows_that_meet_at_one_are_held_before_each(
    decisions: list[Decision], depth: str
) -> None:
    meetings = Meetings()

    meetings.add(decisions)

    assert meetings.find_apart() == {"update": depth}


TABLES = """
    create table jobs (id int primary key, sent int);
    create table marks (job int, n int);
    create table claims (job int primary key, by int);
    create table log (what text);
    create function take(j int) returns boolean language plpgsql as $$
    begin
        if exists (select from marks where job = j) then return false; end if;
        insert into marks values (j);
        return true;
    end $$;
    create function pick() returns setof int language plpgsql as $$
    declare ids int[];
    begin
        ids := array(select id from jobs where sent is null order by id limit 1);
        return query update jobs set sent = 1 where id = any (ids) returning id;
    end $$;
    create function lock_and_take(j int) returns boolean language plpgsql as $$
    begin
        perform from jobs where id = j for update;
        if exists (select from marks where job = j) then return false; end if;
        insert into marks values (j);
        return true;
    end $$;
    create function take_then_count() returns bigint language sql as
        'insert into marks select 1 where not exists (select from marks where job = 1); select count(*) from claims';
    create function lock_and_pick() returns setof int language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(1);
        return query select pick();
    end $$;
    create function noted() returns trigger language plpgsql as $$
    begin insert into log select 'n' where (select count(*) from log) < 2; notify noted; return new; end $$;
    create trigger noted after insert on claims for each row execute function noted();
    grant all on all tables in schema public to service_role;
"""
MOST_SCHEDULES = 150
ROWS = [b"insert into jobs values (%d)" % number for number in (1, 2, 3)]

STATEMENTS = [
    "insert into marks select 1 where not exists (select from marks where job = 1)",
    "select take(1)",
    "select pick()",
    "select lock_and_take(1)",
    "update jobs set sent = 1 where id in (select id from jobs where sent is null order by id limit 1) returning id",
    (
        "update jobs set sent = 1 where id in (select id from jobs where sent is null order by id limit 1 for update skip locked)"
        " returning id"
    ),
    "update jobs set sent = coalesce(sent, 0) + 1 where id < 3",
    "update jobs set sent = 5 where sent is null",
    "with gone as (delete from jobs where id = (select min(id) from jobs) returning id) insert into marks select id from gone",
    "insert into claims values (1, 1), (2, 1) on conflict (job) do update set by = claims.by + 1",
    "insert into claims select id, 7 from jobs where sent is null on conflict do nothing",
    (
        "merge into claims using (select 1 as job) as due on claims.job = due.job"
        " when matched then update set by = by + 1 when not matched then insert values (1, 0)"
    ),
    "select id from jobs where sent is null order by id for update skip locked",
    "select count(*) from marks",
    "select take_then_count()",
    "select lock_and_pick()",
]


@pytest.fixture(scope="module")
def tables(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A separate database with tables, functions and a trigger."""
    file = tmp_path_factory.mktemp("sql") / "tables.sql"
    file.write_text(TABLES)
    with database_with([file], await_, postgres) as made:
        await_(made.inside.install())
        yield made


async def explored(
    database: Database,
    statements: Sequence[str],
    name: str,
    inside: Choice,
    at_most: float = math.inf,
    *,
    puts_off_whole: bool = False,
) -> Coverage:
    programs = {instance: statement.split("\n") for instance, statement in zip("ABC", statements, strict=False)}
    sessions = Sessions(database, programs, await database.script(ROWS), ["jobs", "marks", "claims"])
    async with sessions.opened():
        search = explorer.make_strategy(name, list(programs), inside=inside, puts_off_whole=puts_off_whole)
        coverage, _ = await explorer.explore(
            search, name, sessions.execute, deadline=math.inf, progress=lambda _: None, at_most=at_most
        )
    assert coverage.stopped is None or at_most <= coverage.schedules
    return coverage


@pytest.mark.parametrize(
    "statement", STATEMENTS[:3], ids=["an insert", "a function that looks", "a function that picks"]
)
def test_what_two_whole_statements_never_show_is_found_inside_them(
    statement: str, tables: Database, await_: Await
) -> None:
    whole = await_(explored(tables, [statement] * 2, "all", "none"))
    conflicts = await_(explored(tables, [statement] * 2, "all", "conflicts"))

    assert (len(whole.outcomes), len(conflicts.outcomes)) == (2, 3)
    assert conflicts.inside is not None
    assert list(conflicts.inside.apart.values()) == ["pieces"]


def test_a_function_that_the_application_creates_is_taken_apart(tables: Database, await_: Await) -> None:
    body = "begin if not exists (select from marks) then insert into marks values (1); end if; end"
    program = f"create or replace function pg_temp.later() returns void language plpgsql as $${body}$$\nselect pg_temp.later()"

    conflicts = await_(explored(tables, [program] * 2, "all", "conflicts"))

    assert conflicts.inside is not None
    assert "select later()" in conflicts.inside.apart
    assert len(conflicts.outcomes) == 2


@pytest.mark.parametrize(
    "statement",
    ["update jobs set sent = 1 where id = 1 and sent is null returning id", "insert into jobs values (9, 1)"],
)
def test_a_statement_inside_which_nothing_can_happen_stays_whole(
    statement: str, tables: Database, await_: Await
) -> None:
    conflicts = await_(explored(tables, [statement] * 2, "all", "conflicts"))

    assert conflicts.inside is not None
    assert (conflicts.inside.apart, len(conflicts.inside.whole)) == ({}, 1)


@pytest.mark.parametrize(
    ("statements", "shows_more"),
    [
        ([STATEMENTS[0]] * 2, False),
        ([STATEMENTS[5]] * 2, False),
        ([STATEMENTS[6]] * 2, True),
        ([STATEMENTS[0]] * 3, True),
    ],
    ids=["nobody waits", "nobody waits for rows", "somebody waits", "three instances"],
)
def test_whole_statements_that_were_put_off_are_explored_only_if_they_show_more(
    statements: list[str], shows_more: bool, tables: Database, await_: Await
) -> None:
    first = await_(explored(tables, statements, "all", "conflicts"))
    put_off = await_(explored(tables, statements, "all", "conflicts", puts_off_whole=True))

    assert put_off.outcomes.keys() == first.outcomes.keys()
    assert (put_off.exhausted, put_off.complete) == (first.exhausted, True)
    assert (put_off.schedules < first.schedules) is not shows_more


def test_of_three_instances_two_at_a_time_are_held_inside(tables: Database, await_: Await) -> None:
    statement = STATEMENTS[0]

    conflicts = await_(explored(tables, [statement] * 3, "all", "conflicts"))
    whole = await_(explored(tables, [statement] * 3, "all", "none"))

    assert len(conflicts.outcomes) > len(whole.outcomes)
    assert conflicts.schedules < 50
    assert (whole.exhausted, conflicts.exhausted) == (True, False)


def test_every_statement_is_taken_apart_after_whole_ones_if_all_are_asked_for(tables: Database, await_: Await) -> None:
    statement = "update jobs set sent = 1 where id = 1 and sent is null returning id"

    whole = await_(explored(tables, [statement] * 2, "all", "none"))
    every = await_(explored(tables, [statement] * 2, "all", "all"))
    drawn = await_(explored(tables, [STATEMENTS[0]] * 2, "sample:100:2", "all"))

    assert every.schedules > whole.schedules
    assert [one.inside and one.inside.apart for one in (every, drawn)] == [EVERYTHING_APART] * 2
    assert len(drawn.outcomes) == 3


def test_what_is_left_out_is_told(tables: Database, await_: Await, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronproof.explore.inside.MOST_INSIDE", 2)

    conflicts = await_(explored(tables, [STATEMENTS[0]] * 2, "all", "conflicts"))

    assert conflicts.inside is not None
    assert (conflicts.inside.is_cut_off, conflicts.complete, conflicts.exhausted) == (True, True, False)


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@example(statements=[STATEMENTS[9], STATEMENTS[9]])
@example(statements=[STATEMENTS[5], STATEMENTS[6]])
@example(statements=[STATEMENTS[3], STATEMENTS[12]])
@example(statements=[STATEMENTS[14], STATEMENTS[10]])
@example(statements=[STATEMENTS[15], STATEMENTS[2]])
@given(statements=st.lists(st.sampled_from(STATEMENTS), min_size=2, max_size=2))
def test_reduction_misses_no_outcome_inside_statements_either(
    statements: list[str], tables: Database, await_: Await
) -> None:
    first = await_(explored(tables, statements, "all-unreduced", "all", at_most=1))
    assume(first.estimate is not None and first.estimate <= MOST_SCHEDULES)
    every = await_(explored(tables, statements, "all-unreduced", "all"))
    whole = await_(explored(tables, statements, "all", "none"))
    reduced = await_(explored(tables, statements, "all", "all"))
    conflicts = await_(explored(tables, statements, "all", "conflicts"))
    put_off = await_(explored(tables, statements, "all", "conflicts", puts_off_whole=True))

    assert put_off.outcomes.keys() == conflicts.outcomes.keys()
    assert reduced.outcomes.keys() == every.outcomes.keys()
    assert reduced.schedules <= every.schedules + whole.schedules
    assert conflicts.outcomes.keys() <= every.outcomes.keys()
