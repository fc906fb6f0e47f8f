"""The recovery: when it ends, and what it proves."""

import itertools
from pathlib import Path

import pytest

from cronproof.domain.instance import CronResponse, Instance
from cronproof.postgres.server.server import Server
from cronproof.targets.in_process import InProcess
from fixtures.crons.app import CRONS
from fixtures.crons.context import Body, Context
from fixtures.crons.tenants import active_tenants
from tests.support.crons import overlapping, verify
from tests.support.database import Await

pytestmark = pytest.mark.postgres


async def has_just_run(cron: Context) -> bool:
    """Whether it has run in the last ten minutes; otherwise notes that it runs now."""
    soon = "select from public.system_events where event_type = 'run' and created_at > now() - interval '10 minutes'"
    if await cron.db.execute(soon):
        return True
    await cron.db.execute("insert into public.system_events (source, event_type) values ('cron', 'run')")
    return False


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

    numbers = itertools.count()

    async def changes(cron: Context) -> Body:
        number = next(numbers)
        await cron.db.execute(
            "update public.jobs set status = %(status)s", {"status": "pending" if number % 2 else "completed"}
        )
        return {"success": True}

    (result,) = verify(changes, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

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


def test_counters_and_logs_that_each_run_writes_to_do_not_keep_crons_from_rest(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    async def counts(cron: Context) -> Body:
        await cron.db.execute("update public.jobs set team_id = coalesce(team_id, 0) + 1")
        await cron.db.execute(
            "insert into public.system_events (source, event_type, message) values ('cron', 'run', gen_random_uuid()::text)"
        )
        return await CRONS["post-job-followup"](cron)

    (result,) = verify(counts, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    verdicts = {check.id: check.verdict for check in result.checks}
    assert verdicts["no-loss"] == "PASS"


def test_a_cron_that_does_nothing_when_called_too_soon_loses_nothing(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    """Nobody says when it is due again. So an hour passes before what is missing counts as lost."""

    async def not_too_soon(cron: Context) -> Body:
        if await has_just_run(cron):
            return {"success": True}
        first = "select from public.system_events where event_type = 'run' offset 1"
        return await CRONS["post-job-followup"](cron) if await cron.db.execute(first) else {"success": True}

    (result,) = verify(not_too_soon, [overlapping("one-after-the-other", tmp_path)], postgres, await_)

    verdicts = {check.id: check.verdict for check in result.checks}
    assert verdicts["no-loss"] == "PASS"


def test_the_crons_are_called_again_by_the_method_of_the_scenario(
    tmp_path: Path, postgres: Server, await_: Await, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods: list[str] = []
    call = InProcess.call

    async def noted(self: InProcess, instance: Instance, *, method: str, secret: str | None) -> CronResponse | None:
        methods.append(method)
        return await call(self, instance, method=method, secret=secret)

    monkeypatch.setattr(InProcess, "call", noted)
    file = overlapping("one-after-the-other", tmp_path)
    file.write_text(file.read_text().replace("  instances: 2", "  instances: 2\n  method: POST"))

    (result,) = verify(CRONS["post-job-followup"], [file], postgres, await_)

    assert (result.verdict, set(methods)) == ("PASS", {"POST"})
    assert len(methods) > 2


REFUSED = """\
title: Nobody tries for ever
why: A number that is no more is tried three times.
test: faults
given:
  rows:
    customers: [{id: 1, phone_number: "+12125550132"}]
    jobs: [{id: 32, customer_id: 1, status: completed, completed_at: 3 hours ago}]
  services: {openphone: {refuses: [{error: unknown-error}]}}
when: {call: post-job-followup, again: 15 minutes}
then:
  - max-attempts: {at_most: 3}
  - no-loss
"""


def test_what_is_refused_without_an_end_is_refused_until_nobody_tries_any_more(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    file = tmp_path / "refused.yaml"
    file.write_text(REFUSED)

    async def gives_up(cron: Context) -> Body:
        attempts = "select from public.system_events where event_type = 'attempt' offset 2"
        if await cron.db.execute(attempts):
            return {"success": True}
        await cron.db.execute("insert into public.system_events (source, event_type) values ('cron', 'attempt')")
        return await CRONS["post-job-followup"](cron)

    (endless,) = verify(CRONS["post-job-followup"], [file], postgres, await_)
    (finite,) = verify(gives_up, [file], postgres, await_)

    assert [(check.verdict, check.message.partition(" was")[0]) for check in endless.checks] == [
        ("FAIL", "a message to ********0132"),
        ("PASS", "job 32: message accepted"),
    ]
    attempts, loss = finite.checks
    assert (attempts.verdict, attempts.message, loss.verdict) == ("PASS", "at most 3 of 3", "FAIL")


def test_who_may_try_again_later_has_not_given_up(tmp_path: Path, postgres: Server, await_: Await) -> None:
    file = tmp_path / "refused.yaml"
    file.write_text(REFUSED.replace(", again: 15 minutes", ""))

    async def waits(cron: Context) -> Body:
        if await has_just_run(cron):
            return {"success": True}
        return await CRONS["post-job-followup"](cron)

    async def gives_up(cron: Context) -> Body:
        await CRONS["post-job-followup"](cron)
        await cron.db.execute("update public.jobs set followup_sent_at = now()")
        return {"success": True}

    (later,) = verify(waits, [file], postgres, await_)
    (never,) = verify(gives_up, [file], postgres, await_)

    said = (
        "a message to ********0132 was refused, and may be tried again later: say by `again` when the cron is due again"
    )
    assert (later.checks[0].verdict, later.checks[0].message) == ("INCONCLUSIVE", said)
    assert (never.checks[0].verdict, never.checks[0].message) == ("PASS", "at most 1 of 3")
