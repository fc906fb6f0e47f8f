"""What an execution starts from, whatever was executed before it."""

from dataclasses import replace
from pathlib import Path

import pytest

from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from fixtures.crons.app import CRONS, create_app
from fixtures.crons.context import Body, Context, Cron
from tests.support import reference
from tests.support.database import Await

pytestmark = pytest.mark.postgres

SCENARIO = """
title: A table is made
why: a test
test: rules
when: {call: post-job-followup, instances: 2, orders: [one-after-the-other, step-by-step]}
then:
  - status: 200
  - holds: {name: the table is made once, sql: QUERY}
"""


def verify_twice(cron: Cron, query: str, folder: Path, postgres: Server, await_: Await) -> list[ScenarioResult]:
    """The results of the scenario and of the same once more, with a cron that may create tables."""
    rights = folder / "rights.sql"
    rights.write_text("grant create on schema public to service_role;")
    file = folder / "twice.yaml"
    file.write_text(SCENARIO.replace("QUERY", query))
    crons = {**CRONS, "post-job-followup": cron}
    plan = reference.plan(factory=lambda values, clock: create_app(reference.make_settings(values), crons, clock))

    async def main() -> list[ScenarioResult]:
        async with open_session_on(postgres, replace(plan, migrations=[*plan.migrations, rights])) as session:
            return [await verify_scenario(session, reader.read_scenario(file)) for _ in range(2)]

    results: list[ScenarioResult] = await_(main())
    return results


async def makes_a_table(cron: Context) -> Body:
    await cron.db.execute("create table if not exists public.made (id int)")
    await cron.db.execute("insert into public.made values (1)")
    return {"success": True}


def test_a_table_that_an_instance_makes_is_not_there_in_the_next_execution(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    query = "select count(*) as rows from public.made having count(*) <> 2"

    results = verify_twice(makes_a_table, query, tmp_path, postgres, await_)

    assert [result.verdict for result in results] == ["PASS", "PASS"], results


async def changes_what_stays(cron: Context) -> Body:
    await cron.db.execute("alter default privileges grant select on tables to public")
    return {"success": True}


def test_what_cannot_be_undone_proves_nothing_from_then_on(tmp_path: Path, postgres: Server, await_: Await) -> None:
    results = verify_twice(changes_what_stays, "select 1 where false", tmp_path, postgres, await_)

    assert [result.verdict for result in results] == ["INCONCLUSIVE", "INCONCLUSIVE"]
    assert "an instance has changed the schema (ALTER DEFAULT PRIVILEGES" in str(results[1].reason)
