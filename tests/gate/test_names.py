"""Steps are named by what they do, so edits of the text keep the name."""

import pytest

from cronproof.gate.names import changes_nothing, statement_name, step_name
from cronproof.gate.point import Point


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("select id, slug from public.tenants where active", "select tenants"),
        ("SELECT  slug\nFROM tenants -- all of them", "select tenants"),
        ("select j.id from jobs as j left join customers as c on true", "select jobs, customers"),
        ("select job_id from public.claim_jobs_for_followup(p_tenant_id => $1)", "select claim_jobs_for_followup()"),
        ("select claim($1)", "select claim()"),
        ("with mine as (select * from jobs) select * from mine", "select jobs"),
        ("with mine as (update jobs set status = 'x' returning id) select * from mine", "update jobs (status)"),
        (
            "with p as (select id from jobs), d as (delete from jobs using p), i as (insert into log values (1)) select 1",
            "delete jobs, insert log",
        ),
        ("select id from jobs for update skip locked", "select jobs for update"),
        (
            "update jobs set followup_sent_at = now(), status = 'x' where id = $1",
            "update jobs (followup_sent_at, status)",
        ),
        ("insert into system_events (a) values (1)", "insert system_events"),
        ("delete from jobs", "delete jobs"),
        ("begin", "begin"),
        ("start transaction", "start"),
        ("rollback", "rollback"),
        ("select 1", "select a value"),
        ("select 1; commit", "select a value; commit"),
        ("set role anon", "variable set"),
        ("", "nothing"),
        ("no sql at all, and rather a lot of it", "no sql at all, and rather"),
    ],
)
def test_a_statement_is_named_by_its_verb_and_objects(sql: str, name: str) -> None:
    assert statement_name(sql) == name


@pytest.mark.parametrize(
    ("point", "name"),
    [
        (Point("start"), "start"),
        (Point("call", "openphone POST /v1/messages"), "call openphone POST /v1/messages"),
        (Point("answer", "openphone GET /v1/messages/AC0000000001"), "answer openphone GET /v1/messages/*"),
        (Point("call", "ghl GET /contacts/17/tasks"), "call ghl GET /contacts/*/tasks"),
    ],
)
def test_a_call_is_named_by_its_route(point: Point, name: str) -> None:
    assert step_name(point) == name


@pytest.mark.parametrize(
    "sql", ["", ";", "select 1", "/* ping */ SELECT 1 AS up; -- ?", "select now()", "select 1; select 2"]
)
def test_what_a_pool_asks_changes_nothing(sql: str) -> None:
    assert changes_nothing(Point("statement", sql))


@pytest.mark.parametrize(
    "sql",
    [
        "select renew()",
        "select * from renew()",
        "select 1 from jobs",
        "select 1 into jobs",
        "with a as (delete from jobs) select 1",
        "update jobs set status = 'x'",
        "listen x",
        "no sql",
    ],
)
def test_a_statement_with_an_effect_changes_something(sql: str) -> None:
    assert not changes_nothing(Point("statement", sql))


def test_a_call_changes_something() -> None:
    assert not changes_nothing(Point("call", ""))
