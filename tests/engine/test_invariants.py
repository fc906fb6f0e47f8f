"""Invariants that are asked after every commit, on a real Postgres."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.postgres.server.server import Server
from cronproof.scenario.reader import Source, make_scenario
from fixtures.crons.app import CRONS, create_app
from fixtures.crons.context import Body, Context, Cron
from tests.support import reference
from tests.support.database import Await

pytestmark = pytest.mark.postgres

FIRST, SECOND = "post-job-followup", "monthly-followup"
DRAFTS = "select id from jobs where status = 'scheduled'"


Explore = Callable[[Mapping[str, Cron], Sequence[str], Mapping[str, Any]], ScenarioResult]
"""Explores calls of the crons at once, with an invariant."""


@pytest.fixture(scope="module")
def explore(postgres: Server, await_: Await) -> Iterator[Explore]:
    crons = dict(CRONS)
    opened = contextlib.AsyncExitStack()
    plan = reference.plan(factory=lambda values, clock: create_app(reference.make_settings(values), crons, clock))
    session = await_(opened.enter_async_context(open_session_on(postgres, plan)))

    def explore(changed: Mapping[str, Cron], call: Sequence[str], holds: Mapping[str, Any]) -> ScenarioResult:
        crons.update(changed)
        root = {
            "title": "an invariant",
            "why": "a test",
            "test": "race",
            "given": {"rows": {"jobs": [{"id": 32, "phone_number": "+12125550132", "status": "pending"}]}},
            "when": {"call": list(call), "interleavings": "all", "inside": "none"},
            "then": [{"holds": {"name": "no draft", **holds}}],
        }
        file = make_scenario(Source(Path("test.py"), root))
        await_(session.compile([file]))
        result: ScenarioResult = await_(verify_scenario(session, file))
        return result

    yield explore
    await_(opened.aclose())


async def passes_through_a_draft(cron: Context) -> Body:
    await cron.db.execute("update jobs set status = 'scheduled'")
    await cron.db.execute("update jobs set status = 'cancelled'")
    return {"success": True}


async def drafts_in_a_transaction(cron: Context) -> Body:
    async with cron.db.transaction() as transaction:
        await transaction.fetch(dict, "update jobs set status = 'scheduled' returning id")
        await transaction.fetch(dict, "update jobs set status = 'cancelled' returning id")
    return {"success": True}


@pytest.mark.parametrize(
    ("cron", "always", "verdict"),
    [
        (passes_through_a_draft, True, "FAIL"),
        (passes_through_a_draft, False, "PASS"),
        (drafts_in_a_transaction, True, "PASS"),
    ],
)
def test_what_is_committed_meanwhile_counts_only_where_it_holds_always(
    cron: Cron, always: bool, verdict: str, explore: Explore
) -> None:
    result = explore({FIRST: cron, SECOND: cron}, [FIRST, SECOND], {"sql": DRAFTS, "always": always})

    assert result.verdict == verdict


async def marks_the_job(cron: Context) -> Body:
    await cron.db.execute("update jobs set status = 'cancelled'")
    return {"success": True}


async def adds_an_event(cron: Context) -> Body:
    await cron.db.execute("insert into system_events (source, event_type) values ('cron', 'done')")
    return {"success": True}


@pytest.mark.parametrize("calls", [[FIRST, SECOND], [SECOND, FIRST]])
def test_commits_to_different_tables_are_tried_in_both_orders(calls: Sequence[str], explore: Explore) -> None:
    """Only one order violates it for a while, and the two are independent but for the invariant."""
    sql = "select 1 as job from jobs where status = 'cancelled' and not exists (select from system_events)"
    crons = {FIRST: marks_the_job, SECOND: adds_an_event}

    result = explore(crons, calls, {"sql": sql, "always": True})

    message = next(check.message for check in result.checks if check.verdict == "FAIL")
    marks = "AB"[calls.index(FIRST)]
    assert message == f"""violated: no draft, after {marks}: update jobs set status = 'cancelled': {{"job": 1}}"""
    assert result.counterexample is not None
