"""One execution when instances hang, answer nothing, or never reach a point."""

import asyncio
import re
from pathlib import Path

import pytest

from cronproof.postgres.server.server import Server
from fixtures.crons.context import Body, Context
from tests.support.crons import overlapping, verify
from tests.support.database import Await
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


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
