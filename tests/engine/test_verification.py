"""Faults end to end, on a real Postgres: the fault matrix of the crons."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import Error

from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.postgres.server.server import Server
from cronproof.report.views import fault_matrix
from cronproof.scenario import reader
from fixtures.crons.app import CRONS
from fixtures.crons.context import Body, Context
from tests.support import crons as made_up
from tests.support import reference
from tests.support.command import Cronproof
from tests.support.database import Await
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


FAULTS = ROOT / "scenarios" / "7-faults"


FOLLOWUP = FAULTS / "post-job-followup.yaml"


CALL = "A: call openphone POST /v1/messages"


Verify = Callable[..., ScenarioResult]


@pytest.fixture
def verify(await_: Await, postgres: Server, tmp_path: Path) -> Verify:
    """Verifies the fault scenario of post-job-followup, with some lines replaced."""

    def of(target: str = "reference", **replaced: str) -> ScenarioResult:
        lines = FOLLOWUP.read_text().splitlines()
        for key, value in replaced.items():
            lines = [f"  {key}: {value}" if line.startswith(f"  {key}:") else line for line in lines]
        file = tmp_path / "faults.yaml"
        file.write_text("\n".join(lines))
        plan = reference.plan(target)

        async def main() -> ScenarioResult:
            async with open_session_on(postgres, plan) as opened:
                return await verify_scenario(opened, reader.read_scenario(file))

        result: ScenarioResult = await_(main())
        return result

    return of


def table(message_outcomes: list[MessageOutcome], about: str = "job 32") -> dict[tuple[str, str], str]:
    """The outcome of the message about a job, by the fault and the point of instance A."""
    return {
        (str(one.faults[0].fault), one.faults[0].point): fault_matrix.word(one)
        for one in message_outcomes
        if one.faults[0].instance == "A" and one.about == about
    }


@pytest.mark.slow
def test_the_reports_design_loses_and_doubles_where_it_is_known_to_and_nowhere_else(verify: Verify) -> None:
    result = verify()

    assert result.verdict == "PASS", result.reason
    words = table(result.message_outcomes)
    assert {place: word for place, word in words.items() if word != "·"} == {
        ("connection-lost-after", "commit"): "stuck",
        ("dies", "call openphone POST /v1/messages"): "stuck",
        ("timeout-after", "call openphone POST /v1/messages"): "duplicate",
        ("reset-after", "call openphone POST /v1/messages"): "duplicate",
        ("unknown-error-after", "call openphone POST /v1/messages"): "duplicate",
    }
    assert len(words) > 40
    of_second = table(result.message_outcomes, "job 34")
    lost_with_the_first = {place for place, word in of_second.items() if word == "stuck"}
    assert lost_with_the_first >= {
        ("dies", "answer openphone POST /v1/messages"),
        ("sql-error", "insert system_events"),
        ("connection-lost-after", "commit"),
    }
    assert of_second["timeout-after", "call openphone POST /v1/messages (2)"] == "duplicate"
    assert {fault_matrix.word(one) for one in result.message_outcomes if one.faults[0].instance == "B"} == {"·"}


@pytest.mark.slow
def test_hardened_closes_every_gap_but_the_one_that_cannot_be(verify: Verify) -> None:
    result = verify("hardened")

    assert result.verdict == "PASS", result.reason
    bad = {place: word for place, word in table(result.message_outcomes).items() if word != "·"}
    assert bad == {("slow-before", "call openphone POST /v1/messages"): "duplicate"}
    of_second = table(result.message_outcomes, "job 34")
    assert {fault for (fault, _), word in of_second.items() if word != "·"} == {"slow-before", "slow-after"}


def test_what_was_read_before_the_fix_is_sent_again_by_the_next(verify: Verify) -> None:
    result = verify("legacy", faults="[dies]")

    assert result.verdict == "FAIL"
    assert table(result.message_outcomes)["dies", "answer openphone POST /v1/messages"] == "duplicate"
    assert result.counterexample is not None
    assert {"A!dies": "answer openphone POST /v1/messages"} in result.counterexample.schedule


@pytest.mark.slow
def test_under_two_faults_hardened_is_as_good(verify: Verify) -> None:
    kinds = "timeout-after, slow-before, dies"  # each pair of them
    result = verify("hardened", faults=f"[pairs, {kinds}]")

    pairs = fault_matrix.pairs(result.message_outcomes)
    assert sum(pairs.values()) > 100
    assert {word for word in pairs if word != "·"} <= {"duplicate", "(duplicate)"}
    twice = [one for one in result.message_outcomes if len(one.faults) == 2 and fault_matrix.word(one) == "duplicate"]
    assert all({"slow-before", "slow-after"} & {fault.fault for fault in one.faults} for one in twice)
    assert "lost" not in pairs
    assert "stuck" not in pairs


@pytest.mark.slow
def test_faults_go_together_with_every_interleaving(await_: Await, postgres: Server) -> None:
    async def main() -> ScenarioResult:
        async with open_session_on(postgres, reference.plan()) as opened:
            return await verify_scenario(opened, reader.read_scenario(FAULTS / "post-job-followup-at-once.yaml"))

    result = await_(main())
    assert result.verdict == "PASS", result.reason
    died = {(one.faults[0].instance, one.faults[0].point) for one in result.message_outcomes}
    assert len(died) == 20  # two instances, ten points each
    assert result.exploration.strategy == "all"
    assert result.exploration.exhausted


def test_the_matrix_is_printed_and_in_the_report(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("verify", str(FOLLOWUP), "--out", str(tmp_path))

    assert done.returncode == 0, done.stdout
    assert re.search(r"error +lost before +lost after +restarts +dies", done.stdout)
    assert fault_matrix.LEGEND in done.stdout
    report = (tmp_path / "latest" / "sign-off.md").read_text()
    assert "| `A: commit` | · | · | (stuck) | · | · |" in report
    assert "| `timeout-after` | " in report


def test_one_fault_that_proves_nothing_does_not_hide_what_another_shows(
    tmp_path: Path, postgres: Server, await_: Await, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronproof.explore.quiescence.AT_REST_SECONDS", 0.3)
    file = tmp_path / "faults.yaml"
    text = FOLLOWUP.read_text().replace("[each]", "[sql-error, timeout-after]")
    file.write_text(text[: text.index("      known:")])

    async def hangs(cron: Context) -> Body:
        try:
            await cron.db.execute("select 1")
        except Error:
            await asyncio.sleep(60)
        return await CRONS["post-job-followup"](cron)

    (result,) = made_up.verify(hangs, [file], postgres, await_)

    assert result.verdict == "FAIL"
    assert result.counterexample is not None
    cells = dict(fault_matrix.make_rows(result.message_outcomes))
    assert cells["A: select a value"] == ["?", "", "", "", ""]
    (doubt, *_) = fault_matrix.find_doubts(result.message_outcomes).values()
    assert doubt.startswith("still running after 0.3 s: A after 'select 1'")
    assert table(result.message_outcomes)["timeout-after", "call openphone POST /v1/messages"] == "duplicate"


def test_those_who_wait_for_locked_rows_go_on_one_at_a_time_in_every_order(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    """Two lock the same jobs in opposite orders. Let go all at once, they would deadlock now and then."""

    async def locks_two(cron: Context) -> Body:
        (call,) = await cron.db.fetch(dict, "select nextval('public.jobs_id_seq') as number")
        both = [32, 33] if call["number"] % 2 == 0 else [33, 32]
        async with cron.db.transaction() as transaction:
            for job in both:
                await transaction.fetch(dict, "select id from public.jobs where id = %(id)s for update", {"id": job})
        return {"success": True}

    file = made_up.overlapping("rows-locked", tmp_path)
    job = "      - {id: 32, customer_id: 1, status: completed, completed_at: 3 hours ago}\n"
    file.write_text(file.read_text().replace(job, job + job.replace("32", "33")))
    results = made_up.verify(locks_two, [file] * 3, postgres, await_)

    for result in results:
        verdicts = {check.id: (check.verdict, check.order) for check in result.checks}
        assert verdicts["no-deadlock"] == ("FAIL", "rows-locked")
        assert [evidence.order for evidence in result.evidence] == [
            "rows-locked",
            *(f"rows-locked ({n})" for n in (2, 3, 4)),
        ]
        assert result.counterexample is not None
        assert (result.counterexample.check, result.counterexample.rows_locked) == ("no-loss", "forward")
        assert result.timeline is not None
        assert result.timeline.title == "The order rows-locked, which fails no-loss"
