"""External servers: verified unchanged, isolated, and with start-up errors reported."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.errors import EnvironmentFailed
from cronproof.gate.names import step_name
from cronproof.postgres.server.server import Server
from cronproof.report.views import fault_matrix
from cronproof.scenario import reader
from cronproof.targets.config import TargetConfig
from cronproof.targets.secrets import api_key
from tests.support import reference
from tests.support.database import Await
from tests.support.external import ENV, SERVER, SERVES_FILES, target
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.postgres


RACE = ROOT / "scenarios" / "3-race" / "post-job-followup.yaml"


KILLS_ITSELF = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        os.kill(os.getpid(), signal.SIGKILL)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

Verify = Callable[..., ScenarioResult]


@pytest.fixture
def verify(await_: Await, postgres: Server, tmp_path: Path) -> Verify:
    """Verifies a target with the race scenario, with optional recovery and interleavings."""

    def of(
        config: TargetConfig, *, orders: str = "[step-by-step]", interleavings: str = "", instances: int = 2
    ) -> ScenarioResult:
        text = RACE.read_text().replace("instances: 2", f"instances: {instances}")
        start, end = text.index("  orders:"), text.index("then:")
        file = tmp_path / "race.yaml"
        file.write_text(f"{text[:start]}  orders: {orders}\n{interleavings}{text[end:]}")

        async def main() -> ScenarioResult:
            plan = reference.plan_of_server(config, logs=tmp_path / "logs")
            async with open_session_on(postgres, plan) as opened:
                return await verify_scenario(opened, reader.read_scenario(file))

        result: ScenarioResult = await_(main())
        return result

    return of


@pytest.mark.parametrize("interleavings", ["", pytest.param("  interleavings: all\n", marks=pytest.mark.slow)])
def test_what_fails_only_in_a_process_that_has_run_before_is_told_as_that(verify: Verify, interleavings: str) -> None:
    result = verify(target("remembers"), interleavings=interleavings)

    assert result.verdict == "INCONCLUSIVE"
    assert "it fails only in a process that has run before" in str(result.reason)
    assert "(no-loss: job" in str(result.reason)


def test_what_a_process_remembers_does_no_harm_in_a_new_one(verify: Verify) -> None:
    assert verify(target("remembers", restart=True)).verdict == "PASS"


def test_a_server_that_knows_nothing_of_us_is_verified_in_every_order(verify: Verify) -> None:
    result = verify(target(), orders="[held-after-claim, held-before-send]", interleavings="  interleavings: all\n")

    assert [(check.id, check.verdict) for check in result.checks if check.verdict != "PASS"] == []
    assert result.exploration.exhausted
    (held, *_) = result.evidence
    assert {step.point.kind for step in held.steps} == {"start", "statement", "call", "answer"}


def test_a_call_to_any_other_host_goes_nowhere_and_fails_egress(verify: Verify) -> None:
    result = verify(target("phones-home"))

    (egress,) = [check for check in result.checks if check.id == "egress"]
    assert (egress.verdict, "telemetry.example.com" in egress.message) == ("FAIL", True)
    assert result.verdict == "FAIL"


def test_a_server_that_is_none_of_ours_proves_nothing(verify: Verify) -> None:
    with socket.create_server(("127.0.0.1", 0)) as lock_server:
        port = lock_server.getsockname()[1]
        result = verify(target(f"asks-{port}"))

    assert result.verdict == "INCONCLUSIVE"
    assert f"A is connected to 127.0.0.1:{port}, which is none of cronproof's" in str(result.reason)


def test_the_mail_server_is_one_of_ours(verify: Verify) -> None:
    mail = {"MAIL_HOST": "{services.smtp.host}", "MAIL_PORT": "{services.smtp.port}"}
    result = verify(target("mails", env={**ENV, **mail}))

    assert (result.verdict, result.reason) == ("PASS", None)
    assert "call smtp DATA mail" in {step_name(step.point) for step in result.evidence[0].steps}


def test_a_file_that_is_locked_in_a_call_proves_nothing(verify: Verify) -> None:
    result = verify(target("locks-a-file"), orders="[one-after-the-other]")

    assert result.verdict == "INCONCLUSIVE"
    assert f"B has locked the file {SERVER}, as A has: what it does there" in str(result.reason)


def test_a_server_that_contacts_nothing_proves_nothing(verify: Verify) -> None:
    result = verify(target("contacts-nothing"))

    assert result.verdict == "INCONCLUSIVE"
    assert "A and B contacted neither the database nor a service" in str(result.reason)


def test_a_server_that_dies_proves_nothing_and_its_last_output_is_kept(verify: Verify, tmp_path: Path) -> None:
    result = verify(target("dies"))

    assert result.verdict == "INCONCLUSIVE"
    assert "ended without a response" in str(result.reason)


def test_what_it_wrote_is_shown_when_it_does_not_pass(verify: Verify, tmp_path: Path) -> None:
    result = verify(target("phones-home"))

    (output, *_) = result.output
    assert (output.instance, output.file) == ("A", tmp_path / "logs" / "server.A.log")
    assert "403 Forbidden" in "\n".join(output.lines)


def test_what_somebody_else_has_ended_is_executed_again(verify: Verify, tmp_path: Path) -> None:
    once = tmp_path / "was killed"

    assert verify(target(f"killed-in-call-2-{once}")).verdict == "PASS"
    assert once.exists()


def test_who_is_always_ended_by_somebody_else_is_named(verify: Verify, tmp_path: Path) -> None:
    result = verify(target(f"killed-in-call-2-{tmp_path / 'no such folder' / 'file'}"))

    assert result.verdict == "INCONCLUSIVE"
    assert "A was killed from outside (SIGKILL): is there enough memory?" in str(result.reason)


def test_what_somebody_else_has_ended_is_known_until_the_reset(await_: Await, postgres: Server, tmp_path: Path) -> None:
    kills = target(command=[sys.executable, "-c", KILLS_ITSELF, "{port}"])

    async def main() -> list[str | None]:
        plan = reference.plan_of_server(kills, logs=tmp_path / "logs")
        async with open_session_on(postgres, plan) as opened:
            server, known = opened.target, list[str | None]()
            runner = await opened.prepare(reader.read_scenario(RACE))
            for _ in range(2):
                await server.call(runner.instances[0], method="GET", secret=None)
                known.append(server.find_interrupted())
                await server.revive()  # as a recovery does before it calls again
            known.append(server.find_interrupted())
            await server.reset(restart=False)
            return [*known, server.find_interrupted()]

    killed = "A was killed from outside (SIGKILL): is there enough memory?"
    assert await_(main()) == [killed, killed, killed, None]


@pytest.mark.parametrize("mistake", ["", pytest.param("works-at-start", marks=pytest.mark.slow)])
def test_an_instance_is_killed_at_each_of_its_points(mistake: str, verify: Verify) -> None:
    result = verify(target(mistake), orders="[one-after-the-other]\n  faults: [dies]")

    killed = list({run.key: run for run in result.evidence if run.died == {"A"}}.values())
    assert [run.steps[-1].instance for run in killed] == ["B", "B", "B"]
    assert {run.inconclusive_reason for run in killed} == {None}
    # Killed at its claim: not claimed. At its call: claimed, not sent. At the answer: sent.
    accepted = {
        met.point.split()[0]: [s.message.instance for s in run.accepted]
        for run in killed
        for met in run.injected_faults
    }
    assert accepted == {"select": ["B"], "call": [], "answer": ["A"]}
    (no_loss,) = [check for check in result.checks if check.id == "no-loss"]
    assert no_loss.verdict == "FAIL"
    assert result.counterexample is not None
    assert {"A!dies": "call openphone POST /v1/messages"} in result.counterexample.schedule


@pytest.mark.slow
def test_a_server_outside_meets_every_fault(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cronproof.standins.endpoints.SILENCE_SECONDS", 0.1)
    result = verify(target(), orders="[one-after-the-other]\n  faults: [each]\n  again: 15 minutes")

    assert result.exploration.ended == "complete"
    words = {
        (str(one.faults[0].fault), one.faults[0].instance): fault_matrix.word(one) for one in result.message_outcomes
    }
    assert len(words) > 25
    # It claims in one statement, and releases a job after a refusal, not after a timeout.
    assert words["connection-lost-after", "A"] == "stuck"
    assert words["timeout-before", "A"] == "stuck"
    assert words["timeout-after", "A"] == "·"
    assert words["bad-gateway", "A"] == "·"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("mistake", "verdict"), [pytest.param("expires", "FAIL", marks=pytest.mark.slow), ("renews", "INCONCLUSIVE")]
)
def test_a_claim_that_a_timer_renews_is_not_taken_for_one_that_expires(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, mistake: str, verdict: str
) -> None:
    monkeypatch.setattr("cronproof.engine.scenario_runner.TIMER_SECONDS", 1.0)
    result = verify(target(mistake), orders="[one-after-the-other]\n  faults: [slow-after]\n  again: 15 minutes")

    assert result.verdict == verdict
    is_told = "A did something by a timer (update public.jobs set followup_sent_at = now()" in str(result.reason)
    assert is_told == (verdict == "INCONCLUSIVE")


@pytest.fixture
def at_once(tmp_path: Path) -> Path:
    """Two instances of a cron that is only required to answer 200."""
    file = tmp_path / "at-once.yaml"
    file.write_text(
        "title: at once\nwhy: to see\ntest: race\n"
        "when: {call: post-job-followup, instances: 2, orders: [step-by-step], interleavings: all-unreduced}\n"
        "then: [{status: 200}]\n"
    )
    return file


def verified(file: Path, config: TargetConfig, await_: Await, postgres: Server) -> ScenarioResult:
    async def main() -> ScenarioResult:
        plan = reference.plan_of_server(config, logs=file.parent / "logs")
        async with open_session_on(postgres, plan) as opened:
            return await verify_scenario(opened, reader.read_scenario(file))

    result: ScenarioResult = await_(main())
    return result


def test_statements_of_one_instance_at_once_are_lines_that_come_in_every_order(
    at_once: Path, await_: Await, postgres: Server
) -> None:
    result = verified(at_once, target("at-once"), await_, postgres)

    assert result.verdict == "PASS", result.reason
    # Two instances with two channels each, and one statement each: 4! orders.
    assert (result.exploration.schedules, result.exploration.exhausted) == (24, True)
    (run, *_) = result.evidence
    assert sorted(step.name for step in run.steps) == ["A", "A", "A.2", "B", "B", "B.2"]


PROMISE_ALL = """
const send = (to) => fetch("https://api.openphone.com/v1/messages", {
  method: "POST",
  headers: { authorization: process.env.OPENPHONE_API_KEY, "content-type": "application/json" },
  body: JSON.stringify({ content: "Hi!", from: "PN0000000001", to: [to] }),
});
require("http").createServer(async (_, response) => {
  await Promise.all(["+12125550132", "+12125550134"].map(send));
  response.end("{}");
}).listen({port}, "127.0.0.1");
"""


@pytest.mark.node
def test_calls_of_one_instance_at_once_are_lines_too(at_once: Path, await_: Await, postgres: Server) -> None:
    config = target(command=["node", "-e", PROMISE_ALL])
    at_once.write_text(at_once.read_text().replace(", interleavings: all-unreduced", ""))

    result = verified(at_once, config, await_, postgres)

    assert result.verdict == "PASS", result.reason
    (run,) = result.evidence
    lines = [(step.name, step.point.kind) for step in run.steps if step.instance == "A"]
    assert sorted(lines) == [
        ("A", "answer"), ("A", "call"), ("A", "start"), ("A.2", "answer"), ("A.2", "call"),
    ]  # fmt: skip
    assert [sent.message.to for sent in run.accepted if sent.message.instance == "A"] == [
        "+12125550132",
        "+12125550134",
    ]


def test_what_a_server_does_once_and_not_again_is_no_other_schedule(verify: Verify) -> None:
    """For example when a cache has expired: the execution is repeated."""
    every = "  interleavings: all-unreduced\n"
    plain, forgetting = (verify(target(mistake), interleavings=every) for mistake in ("", "forgets-in-call-5"))

    assert (forgetting.verdict, forgetting.exploration.schedules) == ("PASS", plain.exploration.schedules)


def test_a_server_that_does_something_else_all_the_time_proves_nothing(verify: Verify) -> None:
    odd = ",".join(str(number) for number in range(5, 999))
    result = verify(target(f"forgets-in-call-{odd}"), interleavings="  interleavings: all-unreduced\n")

    assert result.verdict == "INCONCLUSIVE"
    assert "did something else (select count(*) from public.tenants) than in an earlier run" in str(result.reason)


def test_what_goes_on_when_a_run_is_over_proves_nothing(verify: Verify) -> None:
    result = verify(target("late"), interleavings="  interleavings: all-unreduced\n")

    assert result.verdict == "INCONCLUSIVE"
    # Timing decides whether that comes between two executions or inside one.
    said = r"an earlier call still works|depends? on more than their order|did something else|several things at once"
    assert re.search(said, str(result.reason))


@pytest.mark.node
def test_node_with_other_options_than_it_was_given_is_not_let_go_on(verify: Verify) -> None:
    listen = 'require("http").createServer((_, response) => response.end()).listen({port}, "127.0.0.1")'
    command = ["sh", "-c", f"NODE_OPTIONS=--max-old-space-size=512 exec node -e '{listen}'"]

    with pytest.raises(EnvironmentFailed, match="runs Node with other NODE_OPTIONS than it was given"):
        verify(target(command=command))


CHILDREN = """
const { execFile } = require("node:child_process");
const { Worker } = require("node:worker_threads");
const call = "fetch('https://leaves.example.com').catch((error) => console.log(error.cause.code))";
require("http").createServer(async (_, response) => {
  await new Promise((done) => execFile(process.execPath, ["-e", call], { env: { PATH: process.env.PATH } }, done));
  await new Promise((done) => new Worker(call, { eval: true, env: {} }).on("exit", done));
  response.end("{}");
}).listen({port}, "127.0.0.1");
"""


@pytest.mark.node
def test_what_node_starts_is_kept_in_too(at_once: Path, await_: Await, postgres: Server) -> None:
    at_once.write_text(
        at_once.read_text().replace(", interleavings: all-unreduced", "").replace("status: 200", "status: 201")
    )

    result = verified(at_once, target(command=["node", "-e", CHILDREN]), await_, postgres)

    assert [(e.instance, e.url) for e in result.evidence[0].blocked_calls] == [
        ("A", "https://leaves.example.com"), ("A", "https://leaves.example.com"),
        ("B", "https://leaves.example.com"), ("B", "https://leaves.example.com"),
    ]  # fmt: skip


@pytest.mark.parametrize(("restart", "starts"), [(False, 2), (True, 6)])
def test_a_target_can_ask_for_new_processes_in_every_run(
    restart: bool, starts: int, verify: Verify, tmp_path: Path
) -> None:
    counter = tmp_path / "starts"
    counting = f"echo x >> {counter}; exec {sys.executable} {SERVER} {{port}}"

    result = verify(target(command=["sh", "-c", counting], restart=restart), orders="[step-by-step, held-after-claim]")

    assert result.verdict == "PASS", result.reason
    assert len(counter.read_text().split()) == starts  # restart: at first, and per execution


def test_a_server_that_runs_already_cannot_be_killed(verify: Verify) -> None:
    first = free_ports(22)
    with running(first, 0) as one, running(first, 1) as other:
        config = TargetConfig(url=[one, other], ports=first, cron_secret="theirs")
        result = verify(config, orders="[one-after-the-other]\n  faults: [dies]")

    assert result.reason == "exclusive: server is not a process that can be killed: leave `dies` out of `faults`"


def test_a_wrong_secret_is_told_for_what_it_is(verify: Verify) -> None:
    result = verify(target(env={**ENV, "CRON_SECRET": "another"}))

    assert result.verdict == "INCONCLUSIVE"
    assert "A answers 401 to the right secret" in str(result.reason)


def test_a_wrong_path_is_told_for_what_it_is(verify: Verify) -> None:
    result = verify(target(command=SERVES_FILES))

    assert result.verdict == "INCONCLUSIVE"
    assert "A answers 404: is there such a cron at the target's `path` (/api/cron/{cron})?" in str(result.reason)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (target(command=["no-such-program"]), "instance [AB] does not start: 'no-such-program' cannot be run"),
        (target("crashes"), "instance [AB] ended with exit code 1 before it could be called"),
        (target("crashes"), "its last output:\n    cannot go on: no such module\n  all of it is in "),
        (target("never-listens", ready_timeout=0.1), "instance [AB] did not listen on port .* within 0.1 s"),
    ],
)
def test_a_server_that_does_not_start_is_told_with_its_last_output(
    config: TargetConfig, message: str, verify: Verify
) -> None:
    with pytest.raises(EnvironmentFailed, match=message):
        verify(config)


def test_nothing_that_was_started_is_left(verify: Verify, tmp_path: Path) -> None:
    command = ["sh", "-c", f"sleep 1000 & exec {sys.executable} {SERVER} {{port}}"]
    verify(target(command=command, env={**ENV, "STARTED_BY": str(tmp_path)}))

    assert started_by(tmp_path) == []


@pytest.mark.parametrize("ending", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_process(ending: signal.Signals, tmp_path: Path) -> None:
    environment = "\n".join(f'{variable} = "{value}"' for variable, value in ENV.items())
    (tmp_path / "cronproof.toml").write_text(
        f'[targets.server]\ncommand = ["{sys.executable}", "{SERVER}", "{{port}}"]\ncwd = "{ROOT}"\n{reference.DECLARED}'
        f'[targets.server.env]\nSTARTED_BY = "{tmp_path}"\n{environment}\n{reference.WORK}'
    )
    command = [sys.executable, "-m", "cronproof", "explore", str(RACE), "--config", str(tmp_path / "cronproof.toml")]
    command += ["--out", str(tmp_path / "reports"), "--interleavings", "all-unreduced"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        wait_until(lambda: len(started_by(tmp_path)) == 2)
        run.send_signal(ending)

    wait_until(lambda: started_by(tmp_path) == [])


def started_by(test: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if was_started_by(test, process)]


def was_started_by(test: Path, process: psutil.Process) -> bool:
    try:
        return process.environ().get("STARTED_BY") == str(test)
    except psutil.Error:
        return False


def free_ports(count: int) -> int:
    """The first of this many consecutive free ports."""
    for first in range(20_000 + os.getpid() % 1000 * 10, 32_000, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError("no free ports")


def test_servers_that_run_already_are_verified_at_the_addresses_they_were_given(verify: Verify) -> None:
    first = free_ports(22)
    with running(first, 0) as one, running(first, 1) as other:
        config = TargetConfig(url=[one, other], ports=first, cron_secret="theirs")
        result = verify(config, orders="[held-after-claim]")

    assert [(check.id, check.verdict) for check in result.checks if check.verdict != "PASS"] == []
    assert {sent.message.instance for sent in result.evidence[0].accepted} == {"A"}


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline
        else:
            return


@contextlib.contextmanager
def running(first: int, number: int) -> Iterator[str]:
    """Starts a server with addresses that begin at a port, and yields its URL."""
    port = first + 20 + number
    environment = {
        "DATABASE_URL": f"postgresql://cronproof:cronproof@127.0.0.1:{first + number * 10}/cronproof",
        "OPENPHONE_API_URL": f"http://127.0.0.1:{first + number * 10 + 1}/openphone",
        "OPENPHONE_API_KEY": api_key("AB"[number]),
        "CRON_SECRET": "theirs",
    }
    command = [sys.executable, str(SERVER), str(port)]
    with subprocess.Popen(command, env={**os.environ, **environment}) as process:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_one_server_can_be_all_instances(verify: Verify) -> None:
    first = free_ports(22)
    with running(first, 0) as url:
        result = verify(
            TargetConfig(url=[url], ports=first, cron_secret="theirs"),
            orders="[held-before-claim, held-after-claim, held-before-send]",
            interleavings="  interleavings: all-unreduced\n",
        )

    assert [(check.id, check.verdict, check.message) for check in result.checks if check.verdict != "PASS"] == []
    assert result.exploration.exhausted
    before, after, _ = result.named
    # Held before its claim, A is too late. Held after it, A has the job.
    assert [[sent.message.instance for sent in run.accepted] for run in (before, after)] == [["B"], ["A"]]
    assert [[mark.instance for mark in run.claim_writes] for run in (before, after)] == [["B"], ["A"]]


def test_there_are_servers_for_all_instances_or_one_for_all(verify: Verify, tmp_path: Path) -> None:
    config = TargetConfig(url=["http://127.0.0.1:9"] * 2, ports=free_ports(30))
    with pytest.raises(EnvironmentFailed, match="the scenario has an instance C, and `url` names 2 servers"):
        verify(config, instances=3)


def test_a_port_that_is_taken_is_told(verify: Verify) -> None:
    first = free_ports(20)
    with (
        socket.create_server(("127.0.0.1", first)),
        pytest.raises(
            EnvironmentFailed, match=f"the port {first} of instance A cannot be used: .*address already in use"
        ),
    ):
        verify(TargetConfig(url=["http://127.0.0.1:9"], ports=first))


def test_a_server_that_runs_already_must_answer(verify: Verify) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(EnvironmentFailed, match=f"no server answers at {url} .ConnectError.; start it first"):
        verify(TargetConfig(url=[url, url], ports=free_ports(20)))
