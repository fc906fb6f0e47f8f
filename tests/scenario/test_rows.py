"""The rows of a scenario as SQL, and errors for rows that do not fit the database."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cronproof.errors import InvalidScenario
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.scenario.rows import Seed, inserts
from tests.support import reference
from tests.support.database import Await, database_with

pytestmark = pytest.mark.postgres

HEAD = "title: t\nwhy: w\ntest: rules\ngiven:\n  rows:\n"
TAIL = "when: {call: post-job-followup}\nthen: [no-duplicate]\n"

OWNERS = reference.CONFIG.application.owners


def file(rows: str, folder: Path) -> reader.ScenarioFile:
    path = folder / "rows.yaml"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in rows.splitlines()) + TAIL)
    return reader.read_scenario(path)


def inserted(rows: str, table: str, folder: Path, database: Database, await_: Await) -> list[dict[str, Any]]:
    statements = inserts(file(rows, folder), Seed.read(reference.SEED), database.catalog, OWNERS)

    async def main() -> list[dict[str, Any]]:
        await database.reset(await database.script([row.statement for row in statements]))
        return (await database.rows([table]))[table]

    found: list[dict[str, Any]] = await_(main())
    return found


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("3 hours ago", timedelta(hours=3)),
        ("1 minute ago", timedelta(minutes=1)),
        ("30 days 12 hours ago", timedelta(days=30, hours=12)),
        ("in 2 days", -timedelta(days=2)),
        ("now", timedelta()),
    ],
)
def test_times_are_relative_to_now(
    text: str, ago: timedelta, tmp_path: Path, database: Database, await_: Await
) -> None:
    (job,) = inserted(f"jobs: [{{id: 1, created_at: now, completed_at: {text}}}]", "jobs", tmp_path, database, await_)

    assert datetime.fromisoformat(job["created_at"]) - datetime.fromisoformat(job["completed_at"]) == ago


def test_what_a_row_leaves_to_a_default_is_possible(tmp_path: Path, database: Database, await_: Await) -> None:
    rows = "jobs: [{id: 1, completed_at: 3 hours ago, followup_sent_at: 1 hour ago, scheduled_at: in 2 days}, {id: 2}, {id: 3, scheduled_at: in 1 day}]"
    job, new, planned = inserted(rows, "jobs", tmp_path, database, await_)

    assert (job["created_at"], job["updated_at"]) == (job["completed_at"], job["followup_sent_at"])
    assert new["created_at"] == new["updated_at"] == planned["created_at"] == planned["updated_at"]
    assert datetime.fromisoformat(new["created_at"]) > datetime.fromisoformat(job["updated_at"])


def test_a_row_belongs_to_the_first_tenant_unless_it_says_otherwise(
    tmp_path: Path, database: Database, await_: Await
) -> None:
    rows = "jobs: [{id: 1}, {id: 2, tenant_id: dormant}]"

    jobs = inserted(rows, "jobs", tmp_path, database, await_)

    assert [job["tenant_id"][-1] for job in jobs] == ["1", "2"]


def test_repeated_rows_count_up_and_grow_older(tmp_path: Path, database: Database, await_: Await) -> None:
    rows = """\
customers:
  - repeat: 3
    row: {id: 10, phone_number: "+12125550110"}
jobs:
  - repeat: 3
    row: {id: 1, customer_id: 10, team_id: 5, service_type: visit, completed_at: 1 hour ago}"""

    jobs = inserted(rows, "jobs", tmp_path, database, await_)
    customers = inserted(rows, "customers", tmp_path, database, await_)

    assert [(job["id"], job["customer_id"], job["service_type"]) for job in jobs] == [
        (1, 10, "visit"), (2, 11, "visit"), (3, 12, "visit"),
    ]  # fmt: skip
    times = [datetime.fromisoformat(job["completed_at"]) for job in jobs]
    assert [times[0] - time for time in times] == [timedelta(minutes=minutes) for minutes in range(3)]
    assert [customer["phone_number"] for customer in customers] == [f"+1212555011{number}" for number in range(3)]


def test_json_and_text_go_in_as_they_are(tmp_path: Path, database: Database, await_: Await) -> None:
    rows = """customers: [{id: 1, phone_number: "+12125550101", first_name: "O'Hara; --", seasonal_reminder_tracker: {a: [1, null]}}]"""

    (customer,) = inserted(rows, "customers", tmp_path, database, await_)

    assert customer["first_name"] == "O'Hara; --"
    assert customer["seasonal_reminder_tracker"] == {"a": [1, None]}


@pytest.mark.parametrize(
    ("rows", "mistake"),
    [
        ("job: [{id: 1}]", "6:5: there is no table 'job'; did you mean 'jobs'?"),
        (
            "jobs: [{id: 1, complete_at: now}]",
            "6:20: the table jobs has no column 'complete_at'; did you mean 'completed_at'?",
        ),
        (
            "jobs: [{id: 1, completed_at: yesterday}]",
            "6:20: 'yesterday' is not a time; write for example `3 hours ago`",
        ),
        ("jobs: [{id: 1, completed_at: 3 hors ago}]", "6:20: '3 hors ago' is not a time"),
        ("jobs: [{id: 1, tenant_id: northsid}]", "6:20: there is no tenant 'northsid'; did you mean 'northside'?"),
        ("jobs: [{id: one}]", "6:13: id is a whole number, not 'one'"),
        ("jobs: [{id: 1, paid: 'no'}]", "6:20: paid is true or false, not 'no'"),
        ("jobs: [{id: 1, phone_number: 12125550101}]", "6:20: phone_number is a text; put 12125550101 in quotes"),
        ("jobs: [{repeat: 2, row: {id: 1, x: 1}}]", "6:37: the table jobs has no column 'x'"),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(rows: str, mistake: str, tmp_path: Path, database: Database) -> None:
    with pytest.raises(InvalidScenario) as raised:
        inserts(file(rows, tmp_path), Seed.read(reference.SEED), database.catalog, OWNERS)

    assert str(raised.value).partition(":")[2].startswith(mistake)


def test_a_column_that_expected_rows_name_has_to_be_there(tmp_path: Path, database: Database) -> None:
    of = file("jobs: [{id: 1}]", tmp_path)
    text = of.source.file.read_text().replace("[no-duplicate]", "[rows: {jobs: [{id: 1, statsu: completed}]}]")
    of.source.file.write_text(text)

    with pytest.raises(InvalidScenario) as raised:
        inserts(reader.read_scenario(of.source.file), Seed.read(reference.SEED), database.catalog, OWNERS)

    assert str(raised.value).endswith(":8:30: the table jobs has no column 'statsu'; did you mean 'status'?")


@pytest.mark.parametrize(
    ("rows", "mistake"),
    [
        ("jobs: [{id: 1}, {id: 1}]", "6:21: duplicate key value violates unique constraint"),
        ("jobs: [{id: 1, customer_id: 9}]", '6:12: insert or update on table "jobs" violates foreign key constraint'),
        ("jobs: [{id: 1, status: done}]", '6:12: new row for relation "jobs" violates check constraint'),
        ("customers: [{id: 1}]", '6:17: null value in column "phone_number"'),
        ("jobs: [{id: 99999999999}]", "6:12: integer out of range"),
        ("system_events: [{id: abc, source: s, event_type: e}]", "6:21: invalid input syntax for type bigint"),
        ("scheduled_tasks: [{id: nope, task_type: t, scheduled_for: now}]", "6:23: invalid input syntax for type uuid"),
    ],
)
def test_what_the_database_refuses_is_told_by_the_row(
    rows: str, mistake: str, tmp_path: Path, database: Database, await_: Await
) -> None:
    found = inserts(file(rows, tmp_path), Seed.read(reference.SEED), database.catalog, OWNERS)

    ((position, reason),) = await_(database.refused([row.statement for row in found]))

    assert str(found[position].mistake(reason)).partition(":")[2].startswith(mistake)


@pytest.mark.parametrize(
    "row",
    ['{id: 1, service_type: "a\\0b"}', '{id: 1, service_type: "\\ud800"}', "{id: 1, tenant_id: [a]}", "{}"],
)
def test_a_row_that_is_no_sql_is_a_mistake_or_taken(
    row: str, tmp_path: Path, database: Database, await_: Await
) -> None:
    try:
        found = inserts(file(f"jobs: [{row}]", tmp_path), Seed.read(reference.SEED), database.catalog, OWNERS)
    except InvalidScenario as invalid:
        assert invalid.mistakes[0].line == 6  # noqa: PT017  (either way, nothing else may come out)
    else:
        assert await_(database.refused([found_row.statement for found_row in found])) == []


def test_a_row_may_have_an_id_that_is_always_generated(tmp_path: Path, postgres: Server, await_: Await) -> None:
    schema = tmp_path / "01.sql"
    schema.write_text("create table parcels (id int generated always as identity primary key, name text);")

    async def main(database: Database) -> list[dict[str, Any]]:
        rows = inserts(file("parcels: [{id: 7, name: a}]", tmp_path), Seed.read(None), database.catalog, OWNERS)
        await database.reset(await database.script([row.statement for row in rows]))
        return (await database.rows(["parcels"]))["parcels"]

    with database_with([schema], await_, postgres) as database:
        assert await_(main(database)) == [{"id": 7, "name": "a"}]
