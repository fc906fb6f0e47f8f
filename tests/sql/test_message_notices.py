"""The migration to notices on existing rows, and how its functions work together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support import reference
from tests.support.database import Await, database_with

pytestmark = pytest.mark.postgres

BEFORE = [*reference.SCHEMA, reference.LOCKING, reference.LEASES]
TENANT = "00000000-0000-4000-8000-000000000001"
ROWS = f"""
    insert into tenants (id, name, slug) values ('{TENANT}', 'Northside', 'northside');
    insert into cleaners (id, tenant_id, name) values (7, '{TENANT}', 'Dee');
    insert into jobs (id, tenant_id) values (34, '{TENANT}');
    insert into cleaner_assignments (id, tenant_id, job_id, cleaner_id) values (1, '{TENANT}', 34, 7), (2, '{TENANT}', 34, 7);
    insert into system_events (tenant_id, source, event_type, job_id, cleaner_id) values
        ('{TENANT}', 'check-timeouts', 'owner_alert_sent', '34', '7'),
        ('{TENANT}', 'check-timeouts', 'owner_alert_sent', '34', '7'),
        ('{TENANT}', 'check-timeouts', 'urgent_followup_sent', '34', '7'),
        ('{TENANT}', 'post-job-followup', 'followup_sent', '34', null);
    insert into reminder_notifications (tenant_id, cleaner_assignment_id, reminder_type) values
        ('{TENANT}', 1, 'daily_8am'), ('{TENANT}', 1, 'daily_8am'), ('{TENANT}', 1, 'daily_8am'), ('{TENANT}', 2, 'job_start');
    insert into scheduled_tasks (tenant_id, task_type, scheduled_for, status) values ('{TENANT}', 'send_sms', now(), 'processing');
"""


@pytest.fixture(scope="module")
def migrated(await_: Await, postgres: Server) -> Iterator[tuple[Database, list[str]]]:
    """A database with these rows, migrated twice, and the warnings of the first time."""
    with database_with(BEFORE, await_, postgres) as database:
        warnings = warned(database)
        await_(database.migrate([reference.NOTICES]))
        yield database, warnings


def warned(database: Database) -> list[str]:
    warnings: list[str] = []
    with psycopg.connect(database.conninfo) as connection:
        connection.add_notice_handler(lambda notice: warnings.append(f"{notice.severity}: {notice.message_primary}"))
        connection.execute(ROWS.encode())
        connection.execute(reference.NOTICES.read_bytes())
    return [warning for warning in warnings if warning.startswith("WARNING")]


def test_what_was_sent_before_is_not_sent_again(migrated: tuple[Database, list[str]], await_: Await) -> None:
    database, _ = migrated

    notices = await_(database.fetch("select purpose, about, state from notices order by purpose, about"))
    again = await_(database.fetch(f"select * from claim_notice('{TENANT}', 'owner_alert_sent', '34 7')"))

    assert notices == [
        ("daily_8am", "1", "sent"),
        ("job_start", "2", "sent"),
        ("owner_alert_sent", "34 7", "sent"),
        ("urgent_followup_sent", "34 7", "sent"),
    ]
    assert again == []


def test_what_was_sent_twice_is_told_and_stays(migrated: tuple[Database, list[str]], await_: Await) -> None:
    database, warnings = migrated

    twice = await_(database.fetch("select cron, purpose, about, times from sent_twice order by cron"))
    counts = await_(
        database.fetch("select (select count(*) from system_events), (select count(*) from reminder_notifications)")
    )

    assert twice == [("check-timeouts", "owner_alert_sent", "34 7", 2), ("send-reminders", "daily_8am", "1", 3)]
    assert counts == [(4, 4)]
    assert warnings == [
        "WARNING: 2 messages were sent more than once so far: select * from public.sent_twice",
        "WARNING: 1 scheduled tasks are processing: they are tried again ten minutes after they were begun",
    ]


@pytest.mark.parametrize(
    ("state", "seconds", "claimed", "asked"),
    [
        ("claimed", 0, False, False),
        ("claimed", 601, True, True),
        ("unknown", 0, False, False),
        ("unknown", 301, True, True),
        ("refused", 0, True, False),
        ("sent", 10**6, False, False),
    ],
)
def test_a_notice_is_claimed_once_and_again_only_when_it_is_due(
    state: str, seconds: int, claimed: bool, asked: bool, migrated: tuple[Database, list[str]], await_: Await
) -> None:
    database, _ = migrated
    about = f"{state} {seconds}"

    def claim() -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = await_(
            database.fetch("select claim_id, asked_since from claim_notice(%s, 'p', %s)", [TENANT, about])
        )
        return rows

    ((first, _),) = claim()
    if state != "claimed":
        assert await_(database.fetch("select settle_notice(%s, %s)", [first, state])) == [(True,)]
    age = "update notices set due_at = due_at - make_interval(secs => %s), claimed_at = claimed_at - make_interval(secs => %s)"
    await_(database.fetch(f"{age} where claim_id = %s returning 1", [seconds, seconds, first]))

    second = claim()

    assert (len(second) == 1, [since is not None for _, since in second]) == (claimed, [asked] if claimed else [])
    if claimed:  # a late instance changes nothing
        assert await_(database.fetch("select settle_notice(%s, 'sent')", [first])) == [(False,)]


def test_a_task_whose_last_worker_has_died_is_given_up(migrated: tuple[Database, list[str]], await_: Await) -> None:
    database, _ = migrated
    await_(
        database.fetch(
            """
            insert into scheduled_tasks (tenant_id, task_type, task_key, scheduled_for, status, attempts, updated_at)
            values (%s, 'send_sms', 'dead', now(), 'processing', 3, now() - interval '11 minutes') returning 1
            """,
            [TENANT],
        )
    )

    await_(database.fetch("select * from lease_task(array[%s]::uuid[], now())", [TENANT]))

    task = await_(database.fetch("select status, last_error from scheduled_tasks where task_key = 'dead'"))
    assert task == [("failed", "the last worker never came back")]


def test_the_migration_is_among_those_of_hardened() -> None:
    assert Path(reference.LOCKING.parent / "08-message-notices.sql") == reference.NOTICES
