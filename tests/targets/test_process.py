"""A target's process: waiting until it is ready, and what is said when it is not."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import psutil
import pytest

from cronproof.errors import EnvironmentFailed
from cronproof.targets.process import Process
from tests.support.processes import has_ended
from tests.support.waiting import wait_for, wait_until

SERVES = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_error(int(sys.argv[2]))
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SECONDS = 60.0
"""For a process that becomes ready, or ends."""
LATE_SECONDS = 0.1
"""For a process that the test knows to have come as far as it ever will."""

Test = Callable[[Process], Coroutine[None, None, None]]


@pytest.fixture
def port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def with_started(test: Test, command: list[str], port: int, tmp_path: Path) -> None:
    """Runs a test with the process of a command, and kills the process."""

    async def main() -> None:
        process = Process("A", command, tmp_path, os.environ, port, tmp_path / "logs" / "server.A.log")
        try:
            await process.start()
            await test(process)
        finally:
            await process.kill()

    asyncio.run(main())


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ports_of_children() -> list[int]:
    children = psutil.Process().children(recursive=True)
    return [c.laddr.port for child in children for c in child.net_connections("tcp") if c.status == psutil.CONN_LISTEN]


def test_a_server_is_ready_when_its_port_listens(port: int, tmp_path: Path) -> None:
    async def test(process: Process) -> None:
        await process.ready(None, seconds=SECONDS)
        assert listens(port)

    with_started(test, [sys.executable, "-c", SERVES, str(port), "503"], port, tmp_path)


def test_a_path_that_must_answer_is_waited_for(port: int, tmp_path: Path) -> None:
    async def test(process: Process) -> None:
        await process.ready(None, seconds=SECONDS)
        with pytest.raises(EnvironmentFailed, match=rf"instance A did not answer at /up on port {port} within 0.1 s"):
            await process.ready("/up", seconds=LATE_SECONDS)

    with_started(test, [sys.executable, "-c", SERVES, str(port), "503"], port, tmp_path)


def test_any_answer_below_500_is_ready(port: int, tmp_path: Path) -> None:
    async def test(process: Process) -> None:
        await process.ready("/up", seconds=SECONDS)

    with_started(test, [sys.executable, "-c", SERVES, str(port), "404"], port, tmp_path)


def test_a_server_that_never_listens_is_told_with_its_last_output(port: int, tmp_path: Path) -> None:
    async def test(process: Process) -> None:
        await wait_for(lambda: process.last_lines() == ["thinking"])
        with pytest.raises(EnvironmentFailed) as failed:
            await process.ready(None, seconds=LATE_SECONDS)
        assert str(failed.value) == (
            f"instance A did not listen on port {port} within 0.1 s; does the command listen on {{port}}?; "
            f"its last output:\n    thinking\n  all of it is in {tmp_path}/logs/server.A.log"
        )

    with_started(test, ["sh", "-c", "echo thinking; exec sleep 1000"], port, tmp_path)


def test_a_server_without_output_is_told_with_the_path_of_its_log(port: int, tmp_path: Path) -> None:
    async def test(process: Process) -> None:
        with pytest.raises(EnvironmentFailed, match=r"; it has written nothing \(.*server\.A\.log\)$"):
            await process.ready(None, seconds=LATE_SECONDS)

    with_started(test, ["sleep", "1000"], port, tmp_path)


def test_a_server_that_listens_elsewhere_is_told_where(port: int, tmp_path: Path) -> None:
    async def test(process: Process) -> None:
        await wait_for(lambda: bool(ports_of_children()))
        (other,) = ports_of_children()
        with pytest.raises(EnvironmentFailed, match=rf" within 0.1 s, but on {other}: give it {{port}}, in `command`"):
            await process.ready(None, seconds=LATE_SECONDS)

    with_started(test, [sys.executable, "-c", SERVES, "0", "200"], port, tmp_path)


def test_a_server_that_ends_is_told_with_how_it_ended(port: int, tmp_path: Path) -> None:
    async def of_itself(process: Process) -> None:
        with pytest.raises(EnvironmentFailed, match=r"^instance A ended with exit code 3 before it could be called"):
            await process.ready(None, seconds=SECONDS)

    async def by_a_signal(process: Process) -> None:
        with pytest.raises(EnvironmentFailed, match=r"^instance A ended with signal SIGKILL before it could be called"):
            await process.ready(None, seconds=SECONDS)

    with_started(of_itself, ["sh", "-c", "exit 3"], port, tmp_path)
    with_started(by_a_signal, ["sh", "-c", "kill -9 $$"], port, tmp_path)


def test_only_the_last_lines_are_shown(port: int, tmp_path: Path) -> None:
    async def test(process: Process) -> None:
        await wait_for(lambda: process.exit_code is not None)
        assert process.last_lines() == [str(number) for number in range(89, 101)]
        process.listen()
        assert process.last_lines(new=True) == []

    with_started(test, ["seq", "100"], port, tmp_path)


def test_a_child_that_has_left_the_session_is_killed_too(port: int, tmp_path: Path) -> None:
    children: list[psutil.Process] = []

    async def test(process: Process) -> None:
        await wait_for(lambda: bool(process.last_lines()))
        children.append(psutil.Process(int(process.last_lines()[0])))

    with_started(test, ["sh", "-c", "setsid sleep 1000 & echo $!; wait"], port, tmp_path)

    wait_until(lambda: has_ended(children[0]))


@pytest.mark.skipif(not Process.can_tell_whether_idle, reason="only Linux tells the state of a thread")
def test_a_process_that_computes_is_not_idle(port: int, tmp_path: Path) -> None:
    async def sleeping(process: Process) -> None:
        await wait_for(lambda: process.is_idle)

    async def computing(process: Process) -> None:
        await wait_for(lambda: bool(process.last_lines()))
        assert not any(process.is_idle for _ in range(20))

    with_started(sleeping, ["sleep", "1000"], port, tmp_path)
    with_started(computing, ["sh", "-c", "echo started; while :; do :; done"], port, tmp_path)
