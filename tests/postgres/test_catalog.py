"""The catalog of a migrated database."""

from pathlib import Path

import pytest

from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with
from tests.support.reference import CLAIM_FUNCTIONS

pytestmark = pytest.mark.postgres


def test_rows_that_refer_go_before_those_they_refer_to(database: Database) -> None:
    order = [table.name for table in database.catalog.deletable]

    assert order.index("cleaner_assignments") < order.index("jobs") < order.index("customers") < order.index("tenants")


def test_points_in_time_are_only_set_or_not(database: Database) -> None:
    rows = {"jobs": [{"id": 1, "completed_at": "2026-11-23T12:00:00+00:00", "followup_sent_at": None}]}

    assert database.catalog.without_times(rows) == {
        "jobs": [{"id": 1, "completed_at": True, "followup_sent_at": False}]
    }


def test_the_claim_functions_and_who_may_execute_them_are_known(database: Database) -> None:
    functions = {function.name: function for function in database.catalog.functions}

    assert functions.keys() >= set(CLAIM_FUNCTIONS.values())
    assert {tuple(functions[name].executable_by) for name in CLAIM_FUNCTIONS.values()} == {("service_role",)}


def test_only_times_of_the_insert_count_as_such(postgres: Server, tmp_path: Path, await_: Await) -> None:
    file = tmp_path / "01.sql"
    file.write_text("""
        create table t (
            a timestamptz default now(), b timestamptz default current_timestamp, c date default current_date,
            d timestamp default timezone('utc', now()), e timestamptz default clock_timestamp(), f timestamp default now(),
            g timestamptz default now() + interval '30 days', h timestamptz default 'infinity', i int default 1, j timestamptz
        )
    """)

    with database_with([file], await_, postgres) as database:
        assert sorted(database.catalog.defaults["t"]) == ["a", "b", "c", "d", "e", "f"]
