"""The REST API, compared with Supabase's own small server and used by its clients."""

import asyncio
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from postgrest import CountMethod, SyncPostgrestClient

from cronproof.gate.gate import Channel, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.standins.supabase import keys
from tests.standins.supabase.conftest import NORTH, Answer, Api
from tests.support.database import Await
from tests.support.hostile import BODIES

pytestmark = pytest.mark.postgres

ONE = {"Accept": "application/vnd.pgrst.object+json"}
ROWS = {"Prefer": "return=representation"}
COUNT = {"Prefer": "count=exact"}
CLAIM = "rpc/claim_jobs_for_followup?select=job_id,customer_first_name"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: Any = None
    role: str = "service_role"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join(
            filter(None, [self.method, self.path, *self.headers.values(), self.role.removeprefix("service")])
        )


def get(path: str, role: str = "service_role", **headers: str) -> Asked:
    return Asked("GET", path, role=role, headers=headers)


REQUESTS = [
    get("jobs?select=id,status"),
    get("jobs?select=id&status=eq.completed"),
    get("jobs?select=id&status=neq.completed"),
    get("jobs?select=id&id=gt.32&order=id.desc"),
    get("jobs?select=id&id=gte.32&id=lte.33&order=id.desc&limit=1"),
    get("jobs?select=id&id=lt.34&offset=1&order=id"),
    get("jobs?select=id&id=in.(32,34)"),
    get("jobs?select=id&id=in.()"),
    get('jobs?select=id&service_type=in.("deep, (clean)",x)'),
    get("jobs?select=id&id=not.in.(32,34)"),
    get("jobs?select=id&completed_at=is.null"),
    get("jobs?select=id&paid=is.false"),
    get("jobs?select=id&completed_at=not.is.null&order=completed_at.asc.nullsfirst"),
    get("jobs?select=id&order=completed_at.desc.nullslast,id.asc"),
    get("jobs?select=id&status=like.comp*"),
    get("jobs?select=id&status=ilike.COMP*"),
    get("jobs?select=id&status=not.eq.completed"),
    get("jobs?select=id&or=(status.eq.scheduled,completed_at.lt.2026-10-15T00:00:00Z)"),
    get("jobs?select=id&or=(status.eq.scheduled,and(id.gt.33,status.eq.completed))"),
    get("jobs?select=id&not.or=(id.eq.32,id.in.(33))"),
    get("jobs?select=id&and=(id.gte.32,id.lt.34)"),
    get("jobs?select=id,customers(first_name,phone_number)&order=id"),
    get("jobs?select=id,who:customers(first_name)&order=id"),
    get("jobs?select=id,customers!inner(first_name)&customers.first_name=eq.Ada"),
    get("jobs?select=id,customers(first_name)&customers.first_name=eq.Ada&order=id"),
    get("jobs?select=id,customers!jobs_customer_id_fkey(first_name)&id=eq.32"),
    get("customers?select=id,jobs(id,status)&order=id"),
    get("customers?select=id,jobs!inner(id)&jobs.status=eq.completed"),
    get("jobs?select=id,nothing(x)"),
    get("tenants?select=slug,workflow_config->>key&order=slug"),
    get("tenants?select=slug,x:workflow_config->a->b&workflow_config->>key=eq.v"),
    get("jobs?select=id::text&id=eq.32"),
    get("jobs?select=number:id&id=eq.32"),
    get("jobs?select=id&id=eq.32", **ONE),
    get("jobs?select=id&id=eq.99", **ONE),
    get("jobs?select=id", **ONE),
    get("jobs?select=id&limit=1", **COUNT),
    get("jobs?select=id", **COUNT),
    get("jobs?select=id&offset=9", **COUNT),
    Asked("HEAD", "jobs?select=*&status=eq.completed", headers=COUNT),
    get("nope?select=id"),
    get("job?select=id"),
    get("jobs?select=nope"),
    get("jobs?select=id&nope=eq.1"),
    get("jobs?select=id&id=eq.abc"),
    get("jobs?select=id", role="anon"),
    get("jobs?select=id", role="authenticated"),
    Asked("POST", "system_events", {"source": "x", "event_type": "y", "tenant_id": NORTH}),
    Asked("POST", "system_events?select=id,source", {"source": "x", "event_type": "y"}, headers=ROWS),
    Asked("POST", 'system_events?select=source&columns="source","event_type"',
          [{"source": "x", "event_type": "y"}, {"source": "z", "event_type": "w"}], headers=ROWS),
    Asked("POST", "system_events?select=source,metadata", {"source": "x", "event_type": "y", "metadata": {"a": [1]}},
          headers={**ROWS, **ONE}),
    Asked("POST", "system_events", {"source": "x", "event_type": "y", "nope": 1}),
    Asked("POST", "customers", {"tenant_id": NORTH, "phone_number": "+12125550132"}),
    Asked("POST", "customers?on_conflict=tenant_id,phone_number&select=id",
          {"tenant_id": NORTH, "phone_number": "+12125550132", "first_name": "Bea"},
          headers={"Prefer": "resolution=ignore-duplicates,return=representation"}),
    Asked("POST", "jobs", {"tenant_id": "00000000-0000-4000-8000-000000000009"}),
    Asked("POST", "system_events", {"source": "x", "event_type": "y"}, role="anon"),
    Asked("PATCH", "jobs?id=eq.32", {"followup_sent_at": None, "status": "pending"}),
    Asked("PATCH", "jobs?id=eq.32&select=id,status", {"status": "pending"}, headers=ROWS),
    Asked("PATCH", "jobs?id=eq.99&select=id,status", {"status": "pending"}, headers=ROWS),
    Asked("PATCH", "jobs?id=eq.99&select=id", {"status": "pending"}, headers={**ROWS, **ONE}),
    Asked("PATCH", "jobs?status=eq.completed&select=id", {"status": "pending"}, headers={**ROWS, **ONE}),
    Asked("PATCH", "jobs?id=eq.32", {"status": "pending"}, role="anon"),
    Asked("PATCH", "customers?id=eq.1&select=seasonal_reminder_tracker", {"seasonal_reminder_tracker": {"a": "2026"}},
          headers=ROWS),
    Asked("DELETE", "jobs?id=eq.32"),
    Asked("DELETE", "jobs?id=eq.32&select=id", headers=ROWS),
    Asked("POST", CLAIM, {"p_tenant_id": NORTH, "p_batch_size": 5}),
    Asked("POST", CLAIM, {"p_tenant_id": NORTH}),
    Asked("POST", "rpc/nope", {}),
    Asked("POST", "rpc/nope", {"a": 1}),
    Asked("POST", CLAIM, {"p_tenant_id": NORTH}, role="anon"),
    Asked("POST", CLAIM, {"p_tenant_id": NORTH}, role="authenticated"),
    Asked("PUT", "rpc/claim_jobs_for_followup", {}),
    Asked("POST", "rpc/nothing", {}),
    Asked("POST", "rpc/one_number", {"n": 7}),
    Asked("POST", "rpc/numbers", {}),
    Asked("POST", "rpc/one_column?id=gte.2", {}),
    get("open_jobs?select=id,status"),
    Asked("POST", "rpc/lengths?length=gt.2&order=word", {"words": ["a", "bcd", 'e"f,g']}),
]  # fmt: skip


@pytest.mark.parametrize("asked", REQUESTS, ids=str)
def test_answers_as_the_second_implementation_does(asked: Asked, api: Api, second: str) -> None:
    ours, theirs = (
        api.ask(asked.method, asked.path, asked.body, role=asked.role, headers=asked.headers, at=at)
        for at in (None, second)
    )

    assert (ours.status, ours.body) == (theirs.status, theirs.body)
    if asked.method in {"GET", "HEAD"} and ours.status < 300:
        assert ours.headers["content-range"] == theirs.headers["content-range"]


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["code"]


# If the two differ, https://docs.postgrest.org/en/stable/references/ decides.
def test_a_function_with_out_arguments_returns_an_object(api: Api) -> None:
    assert api.ask("POST", "rpc/with_out", {"a": 1}).body == {"b": 1, "c": 2}
    assert [row["id"] for row in api.ask("POST", "rpc/one_column", {}).body] == [1, 2]


def test_a_connection_that_the_server_has_ended_is_replaced(api: Api, await_: Await) -> None:
    api.ask("GET", "jobs?select=id")
    await_(
        api.database.fetch(
            "select pg_terminate_backend(pid, 1000) from pg_stat_activity where usename like '%service_role'"
        )
    )

    assert api.ask("GET", "jobs?select=id&id=eq.32").body == [{"id": 32}]


def test_times_are_as_json_has_them(api: Api) -> None:
    answer = api.ask("GET", "jobs?select=id,completed_at&id=in.(32,34)&order=id")

    assert [row["completed_at"] for row in answer.body] == ["2026-11-01T10:00:00+00:00", "2026-10-01T10:00:00.5+00:00"]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("rpc/raises", {}, (400, "P0001")),
        ("rpc/raises_teapot", {}, (418, "PT418")),
        ("rpc/two", {"a": 1}, (300, "PGRST203")),
        ("rpc/claim_jobs_for_followup", {}, (404, "PGRST202")),
        ("system_events", {"event_type": "y"}, (400, "23502")),
        ("jobs", {"tenant_id": NORTH, "status": "wrong"}, (400, "23514")),
        ("jobs", [{"tenant_id": NORTH}, {"status": "pending"}], (400, "PGRST102")),
        ("jobs", "text", (400, "PGRST102")),
    ],
)
def test_errors_have_their_status_and_code(path: str, body: Any, expected: tuple[int, str], api: Api) -> None:
    assert code(api.ask("POST", path, body)) == expected


def test_an_error_of_a_function_comes_with_its_hint(api: Api) -> None:
    answer = api.ask("POST", "rpc/raises", {})

    assert answer.body == {"code": "P0001", "message": "no jobs today", "details": None, "hint": "come back tomorrow"}


def test_a_change_of_more_rows_than_one_is_taken_back_when_one_is_asked_for(api: Api, await_: Await) -> None:
    answer = api.ask("PATCH", "jobs?id=gte.32&select=id", {"status": "pending"}, headers={**ROWS, **ONE})

    assert code(answer) == (406, "PGRST116")
    assert answer.body["details"] == "The result contains 3 rows"
    assert await_(api.database.fetch("select count(*) from jobs where status = 'pending'")) == [(0,)]


def test_an_upsert_changes_what_is_there(api: Api) -> None:
    row = {"tenant_id": NORTH, "phone_number": "+12125550132", "first_name": "Bea"}
    prefer = {"Prefer": "resolution=merge-duplicates,return=representation"}

    answer = api.ask("POST", "customers?on_conflict=tenant_id,phone_number&select=id,first_name", row, headers=prefer)

    assert answer.body == [{"id": 1, "first_name": "Bea"}]


def test_rows_that_lack_columns_get_their_defaults_when_asked(api: Api) -> None:
    rows = [{"source": "x", "event_type": "y", "metadata": {"a": 1}}, {"source": "z", "event_type": "w"}]
    prefer = {"Prefer": "return=representation,missing=default"}

    answer = api.ask("POST", "system_events?columns=source,event_type,metadata&select=metadata", rows, headers=prefer)

    assert answer.body == [{"metadata": {"a": 1}}, {"metadata": {}}]


@pytest.mark.parametrize(("role", "who"), [("service_role", "service_role"), ("anon", "anon")])
def test_a_request_has_the_role_and_the_claims_of_its_token(role: str, who: str, api: Api) -> None:
    assert api.ask("POST", "rpc/who", {}, role=role).body == f"{who} {who}"


def test_row_level_security_sees_the_claims(api: Api) -> None:
    claims = {"role": "authenticated", "tenant_id": NORTH}
    token = jwt.encode(claims, keys.SECRET, keys.ALGORITHM)
    headers = {"apikey": keys.key_of("anon"), "authorization": f"Bearer {token}"}

    assert api.ask("GET", "jobs?select=id&order=id", role="", headers=headers).body == [{"id": 32}, {"id": 33}]


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("nonsense", "Expected 3 parts in JWT; got 1"),
        (jwt.encode({"role": "anon"}, "another secret of thirty-two bytes"), "No suitable key or wrong key type"),
        (jwt.encode({"role": "anon", "exp": 1}, keys.SECRET), "JWT expired"),
        (jwt.encode({"role": "postgres"}, keys.SECRET), 'role "postgres" does not exist'),
    ],
)
def test_a_bad_token_is_refused(token: str, message: str, api: Api) -> None:
    headers = {"apikey": "x", "authorization": f"Bearer {token}"}

    answer = api.ask("GET", "jobs", role="", headers=headers)

    assert (answer.status, answer.body["message"]) == (401, message)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_without_a_key_nobody_gets_past_the_gateway(api: Api) -> None:
    answer = api.ask("GET", "jobs", role="")

    assert (answer.status, answer.body["message"]) == (401, "No API key found in request")


@pytest.mark.parametrize(
    ("method", "path", "headers", "feature"),
    [
        ("GET", "", {}, "the description of the API at its root"),
        ("GET", "jobs?status=fts.clean", {}, "the operator 'fts'"),
        ("GET", "jobs?id=eq(any).{1}", {}, "quantifiers of operators (eq(any))"),
        ("GET", "jobs?select=count()", {}, "aggregate functions"),
        ("GET", "jobs?select=id.sum()", {}, "aggregate functions"),
        ("GET", "customers?select=id,jobs(count)", {}, "aggregate functions"),
        (
            "GET",
            "jobs?select=id,customers(id)&customers=not.is.null",
            {},
            "a condition on whether there are rows of customers",
        ),
        ("GET", "open_jobs?select=id,customers(id)", {}, "embedding from or into a view (open_jobs, customers)"),
        ("GET", "jobs?select=...customers(first_name)", {}, "spreading a related table (...)"),
        ("GET", "jobs?select=id,customers(id)&order=customers(id)", {}, "ordering by a related table (customers(id))"),
        ("GET", "cleaners?select=customers(id)", {}, "the many-to-many relationship of cleaners and customers"),
        ("GET", "jobs", {"Accept": "text/csv"}, "answers as text/csv"),
        ("GET", "jobs", {"Range": "0-9"}, "the Range header; use limit and offset"),
        ("GET", "jobs", {"Prefer": "tx=rollback"}, "Prefer: tx=rollback"),
        ("PUT", "jobs?id=eq.1", {}, "PUT of a table"),
        ("PATCH", "jobs?limit=1", {}, "limiting or ordering what is changed"),
        (
            "GET",
            "rpc/claim_jobs_for_followup?p_tenant_id=x",
            {},
            "GET of the volatile function claim_jobs_for_followup",
        ),
        ("POST", "rpc/first_job?select=id,customers(id)", {}, "embedding in what a function returns"),
    ],
)
def test_what_is_not_covered_is_named(
    method: str, path: str, headers: Mapping[str, str], feature: str, api: Api
) -> None:
    answer = api.ask(method, path, {"PATCH": {"status": "x"}, "POST": {}}.get(method), headers=headers)

    assert code(answer) == (501, "CRONPROOF")
    assert answer.body["message"] == f"cronproof's REST API does not cover {feature}"


def test_each_request_is_one_statement(api: Api, await_: Await) -> None:
    seen: list[str] = []

    class Gate(OpenGate):
        async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
            seen.append(f"{instance} {point.kind}")
            return Release(instance)

    before = api.proxy.gate
    api.proxy.gate = Gate()
    try:
        api.ask("POST", CLAIM, {"p_tenant_id": NORTH})
        api.ask("PATCH", "jobs?id=eq.32&select=id,customers(id)", {"status": "pending"}, headers=ROWS)
        api.ask("GET", "nope")
    finally:
        api.proxy.gate = before

    assert seen == ["A statement", "A statement"]


def test_supabase_js_works_as_its_documentation_says(api: Api, modules: Path, await_: Await) -> None:
    await_(api.database.reset(api.script))
    # The API is served by the event loop of this process, so the client must not block it.
    process = await_(_run("node", "client.mjs", api.url, keys.key_of("service_role"), cwd=modules.parent))

    assert json.loads(process) == {
        "rpc": [32],
        "again": [],
        "single": {"id": 32, "customers": {"first_name": "Ada"}},
        "maybeSingle": None,
        "noRow": "PGRST116",
        "count": 2,
        "inserted": {"source": "test", "metadata": {"n": 1}},
        "upserted": [{"id": 1, "first_name": "Bea"}],
        "updated": [{"id": 33, "status": "cancelled"}],
        "deleted": None,
        "or": [33, 34],
        "json": ["north"],
        "error": "PGRST205",
    }


async def _run(*command: str, cwd: Path) -> bytes:
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output


def test_postgrest_py_works_as_its_documentation_says(api: Api, await_: Await) -> None:
    await_(api.database.reset(api.script))
    key = keys.key_of("service_role")

    def main() -> dict[str, Any]:
        headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        with SyncPostgrestClient(f"{api.url}/rest/v1", headers=headers) as client:
            claimed = client.rpc("claim_jobs_for_followup", {"p_tenant_id": NORTH}).execute()
            single = client.from_("jobs").select("id, customers(first_name)").eq("id", 32).single().execute()
            open_jobs = (
                client.from_("jobs").select("id", count=CountMethod.exact).is_("followup_sent_at", "null").execute()
            )
            released = client.from_("jobs").update({"followup_sent_at": None}).eq("id", 32).execute()
            client.from_("system_events").insert({"source": "x", "event_type": "y"}).execute()
            rows: Any = claimed.data
            changed: Any = released.data
            return {
                "claimed": [row["job_id"] for row in rows],
                "single": single.data,
                "open": open_jobs.count,
                "released": [row["followup_sent_at"] for row in changed],
            }

    assert await_(asyncio.to_thread(main)) == {
        "claimed": [32],
        "single": {"id": 32, "customers": {"first_name": "Ada"}},
        "open": 2,
        "released": [None],
    }


QUERIES = [
    "jobs?select=" + "jobs(" * 3000 + ")" * 3000,
    "jobs?or=(" + "and(" * 3000 + "id.eq.1" + ")" * 3000 + ")",
    "jobs?" + "a." * 3000 + "id=eq.1",
    "jobs?select=id" + "->a" * 3000,
    "jobs?id=eq.%00",
    "jobs?id=eq.%FF%FE",
    "jobs?id=eq.%ED%A0%80",
    "jobs?id=in.(" + "1," * 5000 + "1)",
    "jobs?limit=" + "9" * 18,
    "jobs?limit=%C2%B2",
    "%00?select=id",
    "rpc/%00",
    "rpc/one_number?n=" + "9" * 3000,
    "jobs?" + "&".join(f"id=neq.{number}" for number in range(2000)),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
def test_the_rest_api_answers_whatever_it_is_asked(query: str, api: Api) -> None:
    assert api.ask("GET", query).status not in {500, 503}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["customers", "rpc/lengths", "rpc/one_number"])
def test_the_rest_api_answers_whatever_it_is_sent(body: bytes, path: str, api: Api, await_: Await) -> None:
    key = keys.key_of("service_role")
    headers = {"apikey": key, "authorization": f"Bearer {key}", "content-type": "application/json"}

    async def main() -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{api.url}/rest/v1/{path}", content=body, headers=headers)
        return answer.status_code

    assert await_(main()) not in {500, 503}


TOKENS = ["a.b.c", "a", "." * 5000, "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", "W10.e30.e30", "%80.b.c"]


@pytest.mark.parametrize("token", TOKENS)
def test_a_broken_key_is_refused(token: str, api: Api) -> None:
    assert api.ask("GET", "jobs", headers={"authorization": f"Bearer {token}"}).status == 401
