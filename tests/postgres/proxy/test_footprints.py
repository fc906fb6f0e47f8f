"""What statements touch, by their kind, their locks, and the data of a real server."""

import psycopg
import pytest

from cronproof.gate.footprint import EVERYTHING, NOTHING, Footprint
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.footprints import Isolation, Kind, Lock, find_isolation, kind_of, of_end, of_locks
from cronproof.postgres.proxy.wire import Execution
from tests.support.database import Await


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("select 1", "dml"),
        ("with a as (delete from jobs returning id) select * from a", "dml"),
        ("merge into jobs using jobs as j on false when not matched then do nothing", "dml"),
        ("begin", "begin"),
        ("begin isolation level serializable", "begin"),
        ("begin isolation level read committed", "begin"),
        ("begin isolation level read committed, read only", "other"),
        ("set default_transaction_isolation = 'serializable'", "other"),
        ("set transaction isolation level serializable", "session"),
        ("show transaction isolation level", "session"),
        ("commit", "end"),
        ("rollback", "end"),
        ("commit and chain", "end"),
        ("savepoint a", "other"),
        ("rollback to savepoint a", "other"),
        ("set role anon", "session"),
        ("select * into a from jobs", "other"),
        ("select pg_advisory_lock(1)", "other"),
        ("select pg_try_advisory_xact_lock(1)", "other"),
        ("select pg_advisory_xact_lock(1)", "dml"),
        ("select pg_advisory_xact_lock_shared(1), pg_advisory_unlock_all()", "other"),
        ("select pg_catalog.now()", "dml"),
        ("notify a", "notify"),
        ("truncate jobs", "other"),
        ("copy jobs to stdout", "other"),
        ("declare a cursor for select 1", "other"),
        ("select 1; select 2", "other"),
        ("set client_min_messages = warning; set timezone = 'UTC'", "session"),
        ("set client_min_messages = warning; select 1", "other"),
        ("select oid, typname from pg_type", "dml"),
        ("select table_name from information_schema.tables", "dml"),
        ("select to_regclass('jobs'), pg_get_expr(adbin, adrelid) from pg_attrdef", "dml"),
        ("select has_table_privilege('jobs', 'select')", "dml"),
        ("select * from pg_locks", "other"),
        ("select * from pg_class, pg_stat_activity", "other"),
        ("select pg_get_keywords()", "other"),
        ("select last_value from pg_sequences", "other"),
        ("not sql", "other"),
    ],
)
def test_kinds_of_statements(sql: str, kind: Kind) -> None:
    assert kind_of(sql) == kind


@pytest.mark.parametrize(
    ("text", "isolation"),
    [
        ("begin", None),
        ("begin isolation level read committed", None),
        ("show transaction_isolation", None),
        ("start transaction isolation level repeatable read, read only", "transaction"),
        ("set transaction isolation level serializable", "transaction"),
        ("set transaction_isolation = 'serializable'", "transaction"),
        ("set default_transaction_isolation = 'serializable'", "session"),
        ("set session characteristics as transaction isolation level serializable", "session"),
        ("begin isolation level serializable; commit", "session"),
        ("user\0anon\0options\0-c default_transaction_isolation=serializable", "session"),
    ],
)
def test_another_isolation_level_holds_for_a_transaction_or_for_the_session(
    text: str, isolation: Isolation | None
) -> None:
    assert find_isolation(text) == isolation


def test_an_advisory_lock_is_an_object_of_its_own_that_no_two_have() -> None:
    mine, theirs = (of_locks([("advisory", "ExclusiveLock", f"advisory lock {n}", False)]) for n in (1, 2))

    assert mine.conflicts(mine)
    assert not mine.conflicts(theirs)


NUMBER: Lock = ("transactionid", "ExclusiveLock", "", False)
LOCKS: list[Lock] = [
    ("relation", "AccessShareLock", "public.jobs", False),
    ("relation", "RowExclusiveLock", "public.jobs", False),
    ("relation", "RowShareLock", "public.tenants", False),
    ("relation", "AccessShareLock", "public.customers", False),
    ("relation", "RowExclusiveLock", "public.jobs_id_seq", True),
    ("relation", "AccessShareLock", None, False),
    ("virtualxid", "ExclusiveLock", "", False),
]


def test_locks_of_tables_are_accesses_and_the_strongest_counts() -> None:
    assert of_locks([*LOCKS, NUMBER]).accesses == {
        "public.jobs": "write",
        "public.tenants": "lock",
        "public.customers": "read",
        "public.jobs_id_seq": "write",
    }


def test_what_a_transaction_changed_is_a_lock_to_others_as_long_as_it_goes_on_but_sequences_count_at_once() -> None:
    touched = of_locks([*LOCKS, NUMBER], is_seen=False).accesses

    assert (touched["public.jobs"], touched["public.jobs_id_seq"]) == ("lock", "write")


def test_a_transaction_without_a_number_has_only_looked() -> None:
    waiting: Lock = ("transactionid", "ShareLock", "", False)

    touched = of_locks([*LOCKS, waiting]).accesses

    assert (touched["public.jobs"], touched["public.tenants"]) == ("look", "look")
    assert (touched["public.customers"], touched["public.jobs_id_seq"]) == ("read", "write")


@pytest.mark.parametrize(
    "lock",
    [
        ("relation", "AccessExclusiveLock", "public.jobs", False),
        ("relation", "AccessShareLock", "", False),
        ("advisory", "ExclusiveLock", "", False),
    ],
)
def test_of_a_strange_lock_everything_is_touched(lock: Lock) -> None:
    assert of_locks([lock]) == EVERYTHING


def test_the_end_of_a_transaction_shows_what_it_wrote_and_frees_what_it_locked() -> None:
    touched = Footprint({"a": "read", "b": "lock", "c": "write", "d": "look"})

    assert of_end(touched, deferred=False) == Footprint({"b": "lock", "c": "write"})
    assert of_end(Footprint({"a": "read", "d": "look"}), deferred=False) == NOTHING
    assert of_end(touched, deferred=True) == of_end(EVERYTHING, deferred=False) == EVERYTHING


@pytest.mark.postgres
def test_the_server_says_what_functions_and_foreign_keys_touch(database: Database, await_: Await) -> None:
    async def touched(statement: str) -> Footprint:
        async with await psycopg.AsyncConnection.connect(database.conninfo) as connection:
            await connection.execute(statement.encode())
            touched, _ = await database.observer.statement(
                connection.info.backend_pid, Execution(statement), NOTHING, goes_on=False
            )
            await connection.rollback()
            return touched

    claim = "select public.claim_jobs_for_followup('00000000-0000-4000-8000-000000000009', 20)"
    event = """
        with tenant as (insert into tenants (name, slug) values ('Footprints', 'footprints') returning id)
        insert into system_events (tenant_id, source, event_type) select id, 's', 'e' from tenant
    """
    assert await_(touched(claim)).accesses["public.jobs"] == "look"  # no job to claim
    assert await_(touched(event)).accesses.items() >= {("public.system_events", "write"), ("public.tenants", "write")}
    assert await_(touched("select from tenants")) == Footprint({"public.tenants": "read"})


@pytest.mark.postgres
def test_the_reference_schema_hides_nothing(database: Database) -> None:
    assert database.catalog.opaque is None
    assert not database.catalog.deferred
