"""Commands as targets: a process for each call."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from cronproof.domain.instance import CronResponse, Instance
from cronproof.engine.session import Session, open_session_on
from cronproof.errors import EnvironmentFailed
from cronproof.gate.gate import SHARED
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.scenario.reader import ScenarioFile
from cronproof.targets.commands import Commands
from cronproof.targets.config import TargetConfig
from tests.support import reference
from tests.support.database import Await
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres

PROGRAM = """
import json, os, signal, sys, time
import psycopg
print("begun", file=sys.stderr, flush=True)
match sys.argv[1]:
    case "answers":
        print(json.dumps({"cron": sys.argv[1], "instance": os.environ["INSTANCE"]}))
    case "writes":
        print("done")
        print("a warning", file=sys.stderr)
    case "fails":
        sys.exit("it went wrong")
    case "ends-itself":
        os.kill(os.getpid(), signal.SIGTERM)
    case "connects":
        with psycopg.connect(os.environ["DATABASE_URL"]) as db:
            print(db.execute("select 1").fetchone()[0])
    case "leaves-open":
        psycopg.connect(os.environ["DATABASE_URL"]).execute("select pg_advisory_xact_lock(5)")
        os._exit(0)
    case "stays":
        with psycopg.connect(os.environ["DATABASE_URL"]):
            time.sleep(60)
    case "leaves-at-work":
        db = psycopg.connect(os.environ["DATABASE_URL"])
        db.pgconn.send_query(b"select pg_advisory_xact_lock(7), pg_sleep(60)")
        db.pgconn.flush()
        watch = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        while watch.execute("select pg_try_advisory_xact_lock(7)").fetchone()[0]:
            pass
        os._exit(0)
    case "daemonizes":
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
    case "background":
        if os.fork() == 0:
            time.sleep(60)
    case "goes-on":
        signal.signal(signal.SIGTERM, lambda *_: print("asked", file=sys.stderr, flush=True))
        print("ready", file=sys.stderr, flush=True)
        time.sleep(60)
    case "waits":
        time.sleep(60)
"""
Test = Callable[[Session, Commands], Coroutine[Any, Any, None]]


def scenario(folder: Path) -> ScenarioFile:
    file = folder / "one.yaml"
    file.write_text("title: t\nwhy: w\ntest: rules\nwhen: {call: connects, instances: 2}\nthen: [status: 0]\n")
    return reader.read_scenario(file)


@pytest.fixture
def run(await_: Await, postgres: Server, tmp_path: Path) -> Callable[[Test], None]:
    """Runs a test on a session whose instances A and B are prepared."""

    def with_session(test: Test, **changes: object) -> None:
        command = [sys.executable, "-c", PROGRAM, "{cron}"]
        env = {"DATABASE_URL": "{database_url}", "INSTANCE": "{instance}"}
        config = TargetConfig.model_validate({"run": command, "env": env, "cwd": tmp_path} | changes)

        async def main() -> None:
            async with open_session_on(postgres, reference.plan_of_server(config, logs=tmp_path / "logs")) as session:
                await session.prepare(scenario(tmp_path))
                assert isinstance(session.target, Commands)
                await test(session, session.target)

        await_(main())

    return with_session


async def answer(target: Commands, cron: str, name: str = "A") -> CronResponse | None:
    return await target.call(Instance(name, cron), method="GET", secret=None)


def test_the_exit_status_and_the_output_are_the_response(run: Callable[[Test], None]) -> None:
    async def test(_: Session, target: Commands) -> None:
        body = {"cron": "answers", "instance": "B"}
        assert await answer(target, "answers", "B") == CronResponse("B", 0, body, is_exit=True)
        written = await answer(target, "writes")
        assert written is not None
        assert (written.status, written.body, written.has_failed) == (0, "done\n", False)
        failed = await answer(target, "fails")
        assert failed is not None
        assert (failed.status, failed.body, failed.has_failed) == (1, "", True)
        ended = await answer(target, "ends-itself")
        assert ended is not None
        assert ended.status == 143

    run(test)


def test_what_it_writes_to_standard_error_is_its_output(run: Callable[[Test], None]) -> None:
    async def test(_: Session, target: Commands) -> None:
        await answer(target, "writes")
        assert [output.lines for output in target.output()] == [["begun", "a warning"]]

    run(test)


def test_processes_that_are_started_ahead_are_held_until_they_are_called(run: Callable[[Test], None]) -> None:
    async def test(session: Session, target: Commands) -> None:
        a, b = Instance("A", "connects"), Instance("B", "connects")
        await target.begin([a, b])
        proxies = session._connections.proxies
        await wait_for(lambda: all(proxies[name]._sessions for name in "AB"))
        assert not any(proxies[name].owners for name in "AB")
        first = await target.call(a, method="GET", secret=None)
        assert (first and first.body, proxies["B"].owners) == (1, {})
        second = await target.call(b, method="GET", secret=None)
        assert second is not None
        assert second.body == 1

    run(test)


@pytest.mark.parametrize("cron", ["leaves-open", "leaves-at-work"])
def test_nothing_is_left_of_a_process_that_has_left_something_open(cron: str, run: Callable[[Test], None]) -> None:
    async def test(session: Session, target: Commands) -> None:
        await answer(target, cron)
        assert await session.database.find_held() is None
        assert (
            await session.database.ask("select pid from pg_locks where locktype = 'advisory' and objid in (5, 7)") == []
        )

    run(test)


def test_a_process_that_is_gone_is_not_told_that_its_backend_ends(run: Callable[[Test], None]) -> None:
    async def test(session: Session, target: Commands) -> None:
        proxy = session._connections.proxies["A"]
        for _ in range(20):
            waiting = asyncio.create_task(answer(target, "stays"))
            await wait_for(lambda: bool(proxy.owners))
            await target.kill("A")
            await waiting
            assert (proxy.errors, proxy.owners) == ([], {})

    run(test)


@pytest.mark.parametrize("cron", ["daemonizes", "background"])
def test_what_its_command_leaves_running_is_killed_and_told(cron: str, run: Callable[[Test], None]) -> None:
    async def test(_: Session, target: Commands) -> None:
        response = await answer(target, cron)
        assert response is not None
        assert str(target.complaint(response)).startswith("A leaves a process running when its command has ended (")
        assert [one for one in psutil.process_iter() if one.status() != "zombie" and cron in one.cmdline()] == []
        await target.reset(restart=False)
        fine = await answer(target, "answers")
        assert fine is not None
        assert target.complaint(fine) is None

    run(test)


def test_a_killed_process_gives_no_response_and_the_next_one_runs(run: Callable[[Test], None]) -> None:
    async def test(_: Session, target: Commands) -> None:
        waiting = asyncio.create_task(answer(target, "waits"))
        await wait_for(lambda: target._process_of("A").last_lines() == ["begun"])
        await target.kill("A")
        assert await waiting is None
        assert target.find_interrupted() is None
        assert await answer(target, "answers") is not None

    run(test)


def test_a_process_that_ends_by_sigterm_gives_no_response(run: Callable[[Test], None]) -> None:
    async def test(_: Session, target: Commands) -> None:
        waiting = asyncio.create_task(answer(target, "waits"))
        await wait_for(lambda: target._process_of("A").last_lines() == ["begun"])
        assert await target.terminate("A")
        assert await waiting is None

    run(test)


def test_a_process_that_handles_sigterm_goes_on(run: Callable[[Test], None]) -> None:
    async def test(_: Session, target: Commands) -> None:
        waiting = asyncio.create_task(answer(target, "goes-on"))
        process = target._process_of("A")
        await wait_for(lambda: process.last_lines() == ["begun", "ready"])
        assert not await target.terminate("A")
        await wait_for(lambda: process.last_lines() == ["begun", "ready", "asked"])
        assert not waiting.done()
        await target.kill("A")
        assert await waiting is None

    run(test)


def test_a_program_that_is_not_there_is_told(run: Callable[..., None]) -> None:
    async def test(_: Session, target: Commands) -> None:
        with pytest.raises(EnvironmentFailed, match="instance A does not start: './no-such' cannot be run in "):
            await answer(target, "answers")

    run(test, run=["./no-such", "{cron}"])


def test_instances_share_no_server(run: Callable[[Test], None]) -> None:
    async def test(session: Session, target: Commands) -> None:
        assert SHARED not in session._connections.proxies
        assert (target.can_die, target.restarts, target.is_shared) == (True, True, False)

    run(test)
