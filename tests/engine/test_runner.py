"""The runner when things go wrong: instances that hang, and points never reached."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from cronproof.engine.plan import Plan
from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.evidence.finding import worst
from cronproof.explore.schedule import WorkItem
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.targets.in_process import InProcess
from cronproof.targets.reference import make_settings
from fixtures.crons.app import CRONS, create_app
from fixtures.crons.context import Body, Context, Cron
from fixtures.crons.tenants import active_tenants
from tests.conftest import ROOT, Await

pytestmark = pytest.mark.postgres

RACE = ROOT / "scenarios" / "3-race" / "post-job-followup.yaml"


def verify(cron: Cron, files: Sequence[Path], postgres: Server, await_: Await) -> list[ScenarioResult]:
    async def main() -> list[ScenarioResult]:
        crons = {**CRONS, "post-job-followup": cron}
        async with open_session_on(
            postgres, Plan(application=lambda values, clock: create_app(make_settings(values), crons, clock))
        ) as opened:
            return [await verify_scenario(opened, reader.read_one(file)) for file in files]

    results: list[ScenarioResult] = await_(main())
    return results


def overlapping(name: str, folder: Path) -> Path:
    """The race scenario with one named order only."""
    file = folder / "one.yaml"
    text = RACE.read_text()
    start, end = text.index("    - one-after"), text.index("then:")
    file.write_text(f"{text[:start]}    - {name}\n{text[end:]}")
    return file


@pytest.mark.parametrize("name", ["step-by-step", "held-after-claim", "held-anywhere"])
def test_an_instance_that_hangs_proves_nothing_and_the_next_run_is_undisturbed(
    name: str, tmp_path: Path, postgres: Server, await_: Await, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronproof.explore.quiescence.AT_REST_SECONDS", 0.3)

    async def hangs(cron: Context) -> Body:
        async with cron.db.transaction() as transaction:  # nobody may wait for its rollback
            await transaction.fetch(
                dict, "with locked as (select id from public.jobs for update) select pg_sleep(60) from locked"
            )
        return {"success": True}

    hung, next_one = verify(
        hangs, [overlapping(name, tmp_path), ROOT / "scenarios" / "3-race" / "monthly-followup.yaml"], postgres, await_
    )

    assert hung.verdict == "INCONCLUSIVE"
    assert re.search("still running after 0.3 s: [AB] after 'with locked as", str(hung.reason))
    assert next_one.verdict == "PASS"


def test_a_recovery_that_hangs_proves_nothing(
    tmp_path: Path, postgres: Server, await_: Await, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronproof.engine.recovery.CALL_SECONDS", 0.3)
    calls = itertools.count()

    async def hangs_later(cron: Context) -> Body:
        await cron.db.execute("select pg_sleep(60)" if next(calls) >= 2 else "select 1")
        return {"success": True}

    (hung,) = verify(hangs_later, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    assert hung.verdict == "INCONCLUSIVE"
    assert hung.reason == "exclusive: a cron that ran again had not ended after 0.3 s"


def test_a_place_that_is_never_reached_proves_nothing(tmp_path: Path, postgres: Server, await_: Await) -> None:
    async def idle(_: Context) -> Body:
        return {"success": True}

    (result,) = verify(idle, [overlapping("held-before-send", tmp_path)], postgres, await_)

    verdicts = {check.id: check.verdict for check in result.checks}
    assert verdicts["never-waits"] == verdicts["status"] == "INCONCLUSIVE"
    assert "PASS" not in verdicts.values()


def test_an_instance_without_a_response_proves_nothing(tmp_path: Path, postgres: Server, await_: Await) -> None:
    async def cancelled(_: Context) -> Body:
        raise asyncio.CancelledError

    (result,) = verify(cancelled, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    assert result.reason == "exclusive: A and B ended without a response"


def test_crons_run_again_until_rows_stay_as_they_are_too(tmp_path: Path, postgres: Server, await_: Await) -> None:
    async def in_three_runs(cron: Context) -> Body:
        if await cron.db.execute("update public.jobs set status = 'completed' where status = 'pending'"):
            return await CRONS["post-job-followup"](cron)
        await cron.db.execute("update public.jobs set status = 'pending' where status = 'in_progress'")
        await cron.db.execute(
            "update public.jobs set status = 'in_progress' where status = 'completed' and followup_sent_at is null"
        )
        return {"success": True}

    (result,) = verify(in_three_runs, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    verdicts = {check.id: check.verdict for check in result.checks}
    assert verdicts["no-loss"] == "PASS"


def test_crons_that_never_come_to_rest_prove_nothing(
    tmp_path: Path, postgres: Server, await_: Await, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronproof.engine.recovery.MAX_ROUNDS", 3)

    async def counts(cron: Context) -> Body:
        await cron.db.execute("update public.jobs set team_id = coalesce(team_id, 0) + 1")
        return {"success": True}

    (result,) = verify(counts, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    assert result.reason == "exclusive: rows or messages still changed after 3 more runs"


def test_what_has_gone_wrong_by_then_is_certain(
    tmp_path: Path, postgres: Server, await_: Await, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronproof.engine.recovery.MAX_ROUNDS", 3)

    numbers = itertools.count(1)

    async def goes_on(cron: Context) -> Body:
        tenant = (await active_tenants(cron.db))[0]
        await cron.openphone.send(tenant, to="+12125550132", content=f"Hi for the {next(numbers)}. time!")
        return {"success": True}

    (result,) = verify(goes_on, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    verdicts = {check.id: check.verdict for check in result.checks}
    assert (verdicts["no-duplicate"], verdicts["no-loss"], verdicts["status"]) == (
        "FAIL",
        "INCONCLUSIVE",
        "INCONCLUSIVE",
    )


def test_who_sends_the_same_for_ever_has_come_to_rest(tmp_path: Path, postgres: Server, await_: Await) -> None:
    async def repeats(cron: Context) -> Body:
        tenant = (await active_tenants(cron.db))[0]
        await cron.openphone.send(tenant, to="+12125550132", content="Hi again!")
        return {"success": True}

    (result,) = verify(repeats, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    verdicts = {check.id: check.verdict for check in result.checks}
    assert (verdicts["no-duplicate"], verdicts["no-loss"], verdicts["status"]) == ("FAIL", "PASS", "PASS")


def test_runs_of_an_exploration_leave_nothing_in_memory(postgres: Server, await_: Await) -> None:
    async def main() -> list[int]:
        async with open_session_on(postgres, Plan()) as opened:
            scenario_runner = await opened.prepare(reader.read_one(RACE))
            recorded = []
            with opened.target.isolated():
                for _ in range(3):
                    await scenario_runner.summarize(WorkItem())
                    recorded.append(len(cast(InProcess, opened.target)._router.calls))
            return recorded

    first, second, third = await_(main())
    assert first == second == third == 1


def test_the_worst_verdict_counts_and_none_is_no_pass() -> None:
    assert worst(["PASS", "INCONCLUSIVE", "FAIL"]) == "FAIL"
    assert worst(["PASS", "INCONCLUSIVE"]) == "INCONCLUSIVE"
    assert worst(["PASS"]) == "PASS"
    assert worst([]) == "INCONCLUSIVE"
