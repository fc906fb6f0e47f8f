"""Which rows a statement names, and when that is not reliable."""

import struct
from uuid import UUID

import pytest

from cronproof.postgres.database import Database
from cronproof.postgres.proxy.named_rows import KeyedTable, find_named_rows
from cronproof.postgres.proxy.wire import Execution

KEYED = {
    "jobs": KeyedTable("public.jobs", "id", "integer", frozenset({"id", "code"})),
    "tenants": KeyedTable("public.tenants", "id", "uuid", frozenset({"id", "slug"})),
}
TENANT = "00000000-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("sql", "table", "keys"),
    [
        ("select * from jobs where id = 5", "public.jobs", {"5"}),
        ("select j.id from public.jobs as j where j.paid and j.id = '5' order by 1 for update", "public.jobs", {"5"}),
        ("update jobs set paid = true where id in (5, 6) and status = lower('A')", "public.jobs", {"5", "6"}),
        ("update jobs set followup_sent_at = null where 1 = 1 and id = 5 returning *", "public.jobs", {"5"}),
        (f"select slug from tenants where id = '{TENANT.upper()}'", "public.tenants", {TENANT}),
    ],
)
def test_the_rows_that_a_statement_names(sql: str, table: str, keys: set[str]) -> None:
    assert find_named_rows(Execution(sql), KEYED) == (table, frozenset(keys))


@pytest.mark.parametrize(
    "sql",
    [
        "select * from jobs",
        "select * from jobs where id > 5",
        "select * from jobs where id = 5 or paid",
        "select * from jobs where not id = 5",
        "select * from jobs where id = 5 + 1",
        "select * from jobs where id = null",
        "select * from jobs where id in (select 5)",
        "select * from jobs where id = 5 and exists (select from jobs where id = 6)",
        "select * from jobs, tenants where jobs.id = 5",
        "select * from jobs where id = 5 union select * from jobs where id = 6",
        "select claim(7) from jobs where id = 5",
        "select public.lower('a') from jobs where id = 5",
        "with c as (select 1) select * from jobs where id = 5",
        "select * from other.jobs where id = 5",
        "select * from customers where id = 5",
        "update jobs set id = 6 where id = 5",
        "update jobs set code = 'a' where id = 5",
        "update jobs set paid = t.paid from tenants as t where jobs.id = 5",
        "update jobs set paid = (select true) where id = 5",
        "delete from jobs where id = 5",
        "insert into jobs (id) values (5)",
        "select * from jobs where id = 'five'",
        "select * from jobs where id = 5; select * from jobs where id = 5",
        "not sql",
        "",
    ],
)
def test_what_is_not_certain_is_the_whole_table(sql: str) -> None:
    assert find_named_rows(Execution(sql), KEYED) is None


def bound(sql: str, data: bytes | None, *, type_oid: int, is_binary: bool) -> Execution:
    length = struct.pack("!i", -1 if data is None else len(data))
    values = struct.pack("!HHH", 1, is_binary, 1) + length + (data or b"")
    return Execution(sql, struct.pack("!HI", 1, type_oid), values)


@pytest.mark.parametrize(
    ("data", "type_oid", "is_binary", "key"),
    [
        (b"5", 0, False, "5"),
        (b"5", 21, False, "5"),
        (b"\0\0\0\5", 0, True, "5"),
        (b"\xff\xfe", 21, True, "-2"),
        (struct.pack("!q", 5), 20, True, "5"),
        (b"\0\0\0\5", 1700, True, None),
        (b"5", 1700, False, None),
        (b"five", 0, False, None),
        (b"\0\5\0", 0, True, None),
        (None, 0, False, None),
    ],
)
def test_parameters_count_where_their_meaning_is_certain(
    data: bytes | None, type_oid: int, is_binary: bool, key: str | None
) -> None:
    execution = bound("select * from jobs where id = $1", data, type_oid=type_oid, is_binary=is_binary)

    assert find_named_rows(execution, KEYED) == (None if key is None else ("public.jobs", frozenset({key})))


def test_a_uuid_can_be_a_parameter() -> None:
    for data, is_binary in ((TENANT.encode(), False), (UUID(TENANT).bytes, True)):
        execution = bound("select * from tenants where id = $1", data, type_oid=2950, is_binary=is_binary)
        assert find_named_rows(execution, KEYED) == ("public.tenants", frozenset({TENANT}))


@pytest.mark.postgres
def test_the_tables_of_the_reference_schema_are_keyed(database: Database) -> None:
    keyed = database.catalog.keyed

    assert keyed["jobs"] == KeyedTable("public.jobs", "id", "integer", frozenset({"id"}))
    assert keyed["tenants"].fixed == {"id", "slug"}
