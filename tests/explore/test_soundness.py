"""On a real Postgres: reduction misses no outcome. Schedules equal isolationtester's."""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cronproof.explore import explorer
from cronproof.explore.explorer import Coverage
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with
from tests.support.isolationtester import permutations
from tests.support.sessions import Sessions, SessionsSummary

pytestmark = pytest.mark.postgres

TABLES = """
    create table one (id int primary key, n int not null);
    create table two (id int primary key, n int not null);
    create table log (id serial primary key, what text);
    create function bump(of_id int) returns int language plpgsql as $$
    declare found_n int;
    begin
        update one set n = n + 1 where id = of_id returning n into found_n;
        return found_n;
    end $$;
    create function bump_in_turn(of_id int) returns int language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(1);
        return bump(of_id);
    end $$;
    create function note() returns trigger language plpgsql as $$
    begin
        insert into log (what) values (new.n::text);
        perform pg_notify('changed', new.n::text);
        return new;
    end $$;
    create trigger noted after update on two for each row execute function note();
    create view summed as select one.n + two.n as n from one join two using (id);
    grant all on all tables in schema public to service_role;
    grant all on all sequences in schema public to service_role;
"""
ROWS = [b"insert into one values (1, 10), (2, 20)", b"insert into two values (1, 100), (2, 200)"]

STATEMENTS = [
    "select n from one where id = 1",
    "select sum(n) from two",
    "select n from summed",
    "select what from log",
    "select n from one where id = 2",
    "update one set n = n + 5 where id = 1",
    "update one set n = n * 2 where id in (2, 3)",
    "update one set n = 0 where n > 24",
    "select id from one where id = 1 for update skip locked",
    "select id from two where n < 150 for update skip locked",
    "update two set n = (select n from one where id = 1) where id = 1",
    "select bump(2)",
    "select n from one where id = 1 for update",
    "select id from one order by id limit 1 for update skip locked",
    "select id from two order by id for share",
    "insert into log (what) values ('x')",
    "delete from one where n > 12",
    "select bump_in_turn(2)",
    "select pg_advisory_xact_lock(1)",
    "select pg_advisory_xact_lock_shared(1)",
    "select pg_try_advisory_xact_lock(1)",
    "notify changed",
]


@pytest.fixture(scope="module")
def tables(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A separate database with two tables, a function, a trigger and a view."""
    file = tmp_path_factory.mktemp("sql") / "tables.sql"
    file.write_text(TABLES)
    with database_with([file], await_, postgres) as made:
        yield made


async def explored(
    database: Database, programs: Mapping[str, Sequence[str]], name: str
) -> tuple[Coverage, list[ExecutedSchedule]]:
    script = await database.script(ROWS)
    sessions = Sessions(database, programs, script, ["one", "two", "log"])
    runs: list[ExecutedSchedule] = []
    async with sessions.opened():

        async def execute(tasks: Sequence[WorkItem]) -> list[tuple[ExecutedSchedule, SessionsSummary]]:
            came = await sessions.execute(tasks)
            runs.extend(follow for follow, _ in came)
            return came

        search = explorer.make_strategy(name, list(programs))
        coverage, _ = await explorer.explore(search, name, execute, deadline=math.inf, progress=lambda _: None)
    assert coverage.stopped is None
    return coverage, runs


def in_transaction(statements: list[str], begin: str = "begin") -> list[str]:
    return [begin, *statements, "commit"]


LINES = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=2)
PROGRAM = st.one_of(
    LINES,
    LINES.map(in_transaction),
    LINES.map(functools.partial(in_transaction, begin="begin isolation level repeatable read")),
    LINES.map(functools.partial(in_transaction, begin="begin isolation level serializable")),
    st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=1).map(lambda lines: ["begin", *lines, "rollback"]),
)


TAKE = "select id from one where n < 15 for update skip locked"  # one row, or none


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@example(programs=[["begin", TAKE, "commit"], [TAKE]])  # looks while the row is locked, and after
@example(
    programs=[["update one set n = 30 where id = 1"], ["update one set n = 0 where n = 30"]]
)  # before the row matches
@example(programs=[["begin", "update one set n = 30 where id = 1", "commit"], ["select sum(n) from one"]])
@example(
    programs=[["begin", "insert into log (what) values ('x')", "rollback"], ["insert into log (what) values ('y')"]]
)
@example(
    programs=[
        ["begin", "select bump(2)", "update one set n = 1 where id = 1", "commit"],
        ["select n from one where id = 2"],
    ]
)
@example(programs=[["begin", "savepoint s", TAKE, "rollback to s", "commit"], [TAKE, "select sum(n) from one"]])
@example(
    programs=[["select bump_in_turn(2)"], ["begin", "select pg_advisory_xact_lock(1)", "select bump(2)", "commit"]]
)
@example(
    programs=[
        ["begin isolation level serializable", "select sum(n) from two", "commit", "select bump(2)"],
        ["update two set n = 0 where id = 1", "select n from one"],
    ]
)
@example(programs=[["begin", "notify changed", TAKE, "commit"], [TAKE, "update two set n = 0 where id = 1"]])
@given(programs=st.lists(PROGRAM, min_size=2, max_size=3).filter(lambda programs: sum(map(len, programs)) <= 7))
def test_reduction_never_changes_the_set_of_outcomes(
    programs: list[list[str]], tables: Database, await_: Await
) -> None:
    named = dict(zip("ABC", programs, strict=False))

    every, _ = await_(explored(tables, named, "all-unreduced"))
    reduced, _ = await_(explored(tables, named, "all"))

    assert reduced.outcomes.keys() == every.outcomes.keys()
    assert reduced.schedules <= every.schedules
    assert every.exhausted
    assert reduced.exhausted


def test_notifications_that_nobody_listens_for_conflict_with_nothing(tables: Database, await_: Await) -> None:
    programs = {
        "A": ["begin", "update two set n = 0 where id = 1", "notify changed", "commit"],
        "B": ["notify changed"],
    }

    coverage, _ = await_(explored(tables, programs, "all"))

    assert coverage.schedules == 1


REPLACING = "create or replace function one() returns int language sql as 'select 1'"


@pytest.mark.parametrize(
    ("program", "other", "schedules"),
    [
        (["notify changed"], ["listen changed"], 2),
        (["begin", "select pg_notify('changed', '')", "commit"], ["listen changed"], 3),
        (["select one()"], [REPLACING], 2),
        (["begin", "show search_path"], ["listen changed"], 1),
    ],
)
def test_what_listens_or_replaces_a_function_conflicts_with_what_notifies_or_calls_it(
    program: list[str], other: list[str], schedules: int, await_: Await, postgres: Server, tmp_path: Path
) -> None:
    file = tmp_path / "tables.sql"
    replaceable = (
        f"{REPLACING}; alter function one() owner to service_role; grant create on schema public to service_role;"
    )
    file.write_text(TABLES + replaceable)

    with database_with([file], await_, postgres) as fresh:
        coverage, _ = await_(explored(fresh, {"A": program, "B": other}, "all"))

    assert coverage.schedules == schedules


@pytest.mark.parametrize("lengths", [(2, 2), (3, 1, 2)])
def test_schedules_are_those_that_postgres_own_tester_enumerates(
    lengths: Sequence[int], tables: Database, await_: Await, tmp_path: Path
) -> None:
    statements = itertools.cycle(["select n from one", "insert into log (what) values ('x')", "select n from two"])
    programs = {name: [next(statements) for _ in range(length)] for name, length in zip("ABC", lengths, strict=False)}

    coverage, runs = await_(explored(tables, programs, "all-unreduced"))

    ours = [tuple(decision.chosen for decision in run.decisions) for run in runs]
    theirs = permutations(programs, "delete from log", tables.conninfo, tmp_path)
    assert sorted(ours) == sorted(theirs)
    assert coverage.schedules == math.factorial(sum(lengths)) // math.prod(map(math.factorial, lengths))
