"""A scenario that is executed many times."""

import itertools
import re
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import LiteralString, cast

import pytest
from psycopg import AsyncConnection

from cronproof.engine.session import open_session_on
from cronproof.explore.schedule import WorkItem
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.targets.in_process import InProcess
from fixtures.crons.app import CRONS
from fixtures.crons.context import Body, Context
from fixtures.crons.services import OpenPhone
from fixtures.crons.tenants import Tenant
from tests.support import reference
from tests.support.crons import RACE, explored, overlapping, verify
from tests.support.database import Await

pytestmark = pytest.mark.postgres


def test_runs_of_an_exploration_leave_nothing_in_memory(postgres: Server, await_: Await) -> None:
    async def main() -> list[int]:
        async with open_session_on(postgres, reference.plan()) as opened:
            scenario_runner = await opened.prepare(reader.read_scenario(RACE))
            recorded = []
            with opened.target.isolated():
                for _ in range(3):
                    await scenario_runner.summarize(WorkItem())
                    recorded.append(len(cast(InProcess, opened.target)._router.calls))
            return recorded

    first, second, third = await_(main())
    assert first == second == third == 1


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ("select pg_try_advisory_lock(42)", "A holds the advisory lock 42"),
        ("select pg_try_advisory_lock(1, 2)", "A holds the advisory lock 1, 2"),
        ("create temp table if not exists seen (id int)", "an instance keeps the temporary table seen"),
        ("set app.tenant = 'northside'", "A has set app.tenant"),
        ("listen jobs", "A listens to jobs"),
    ],
)
def test_what_a_session_carries_from_call_to_call_proves_nothing(
    tmp_path: Path, postgres: Server, await_: Await, statement: LiteralString, holds: str
) -> None:
    async def leaves_it(cron: Context) -> Body:
        await cron.db.execute(statement)
        return await CRONS["post-job-followup"](cron)

    first, second = verify(leaves_it, [overlapping("one-after-the-other", tmp_path)] * 2, postgres, await_)

    assert first.verdict == "PASS"
    assert second.reason == (
        f"exclusive: {holds} after its call has ended, so later calls depend on earlier ones: "
        "let each call leave its session as it was, or set `restart: true`"
    )


def test_what_a_call_takes_and_gives_back_is_not_carried(tmp_path: Path, postgres: Server, await_: Await) -> None:
    async def gives_it_back(cron: Context) -> Body:
        async with cron.db.transaction() as transaction:
            await transaction.fetch(dict, "select pg_advisory_xact_lock(42)", {})
            await transaction.fetch(dict, "select set_config('app.tenant', 'northside', true)", {})
        await cron.db.execute("set statement_timeout = 60000")
        return await CRONS["post-job-followup"](cron)

    results = verify(gives_it_back, [overlapping("one-after-the-other", tmp_path)] * 3, postgres, await_)

    assert [result.verdict for result in results] == ["PASS"] * 3


def test_a_transaction_that_stays_open_does_not_block_the_reset(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    left: list[AsyncConnection] = []

    async def leaves_it(cron: Context) -> Body:
        if not left:
            left.append(await AsyncConnection.connect(str(cron.db._pool.conninfo)))
            await left[-1].execute("update public.jobs set team_id = 1")
        await cron.db.execute("select 1")
        return {"success": True}

    (result,) = verify(leaves_it, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    await_(left[0].close())
    (egress,) = (check for check in result.checks if check.id == "egress")
    assert egress.verdict == "INCONCLUSIVE"
    assert egress.message.startswith(
        "one-after-the-other failed, but not when it was executed again: "
        "A has left a transaction open after its call has ended"
    )


def test_values_that_vary_from_run_to_run_are_not_compared(tmp_path: Path, postgres: Server, await_: Await) -> None:
    """A request's id, how long it took, a token in a row: no two runs agree in them."""
    numbers = itertools.count(1)

    async def varies(cron: Context) -> Body:
        body = await CRONS["post-job-followup"](cron)
        await cron.db.execute(
            "insert into public.system_events (source, event_type, message) values ('cron', 'run', gen_random_uuid()::text)"
        )
        return {**body, "request": {"id": str(uuid.uuid4()), "took": next(numbers)}}

    (result,) = verify(varies, [explored(tmp_path)], postgres, await_)

    assert (result.verdict, result.exploration.exhausted) == ("PASS", True), result.reason


def test_the_time_and_a_token_in_a_message_are_not_compared(tmp_path: Path, postgres: Server, await_: Await) -> None:
    numbers = itertools.count(1)

    @dataclass(frozen=True)
    class Timed(OpenPhone):
        async def send(self, tenant: Tenant, *, to: str, content: str) -> str | None:
            said = f"{content} Asked at 9:{next(numbers) % 60:02} AM; see https://x.example/{uuid.uuid4().hex}"
            return await super().send(tenant, to=to, content=said)

    async def varies(cron: Context) -> Body:
        return await CRONS["post-job-followup"](replace(cron, openphone=Timed(**vars(cron.openphone))))

    (result,) = verify(varies, [explored(tmp_path)], postgres, await_)

    assert (result.verdict, result.exploration.exhausted) == ("PASS", True), result.reason


def test_what_may_not_vary_is_named_with_both_values(tmp_path: Path, postgres: Server, await_: Await) -> None:
    numbers = itertools.count()

    async def answers_otherwise(cron: Context) -> Body:
        return {**await CRONS["post-job-followup"](cron), "state": ["odd", "even"][next(numbers) // 2 % 2]}

    (result,) = verify(answers_otherwise, [explored(tmp_path)], postgres, await_)

    assert result.verdict == "INCONCLUSIVE"
    assert re.search(
        r"two outcomes, .*: responses A body state was '(odd', then 'even|even', then 'odd)'$", str(result.reason)
    )
