"""Queries of scenarios."""

import psycopg
import pytest

from cronproof.postgres.database import Database
from tests.support.database import Await

pytestmark = pytest.mark.postgres


def test_rows_are_as_in_json_and_braces_are_as_they_are(database: Database, await_: Await) -> None:
    query = "select 1 as one, '{a}'::text as two, array[1, 2] as three, now() is null as four;\n"

    assert await_(database.ask(query)) == [{"one": 1, "two": "{a}", "three": [1, 2], "four": False}]
    assert await_(database.ask("select 1 where false")) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("delete from jobs", "syntax error"),
        ("with gone as (delete from jobs returning id) select * from gone", "must be at the top level"),
        ("select nextval('jobs_id_seq')", "cannot execute nextval.. in a read-only transaction"),
        ("select 1) as a; delete from jobs; select (1", "cannot insert multiple commands"),
        ("select nothing", 'column "nothing" does not exist'),
    ],
)
def test_a_query_cannot_write(query: str, message: str, database: Database, await_: Await) -> None:
    with pytest.raises(psycopg.Error, match=message):
        await_(database.ask(query))
    assert await_(database.ask("select 1 as one")) == [{"one": 1}]
