"""Workers: processes that verify scenarios, or make the runs of an exploration, each in a database of its own on the same
server.

A worker is a session like any other, told over a pipe what to run. It ends when the pipe closes, because the run closed
it or because the run died; Ctrl-C is for the run alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import uvloop

from cronproof.engine.results import ScenarioResult
from cronproof.engine.scenario_runner import Glance, Stage
from cronproof.errors import EnvironmentFailed
from cronproof.explore.schedule import Follow
from cronproof.explore.strategy import Task
from cronproof.postgres.server.server import Server
from cronproof.redaction import show_data
from cronproof.scenario.reader import ScenarioFile

if TYPE_CHECKING:
    from cronproof.engine.runner import Plan, Session

Glances = Sequence[tuple[Follow, Glance]]
END_SECONDS = 10.0
"""So long a worker may take to clear up."""


@dataclass(frozen=True)
class Batch:
    """Runs of an exploration to make, and whether it is found out what each step touches."""

    file: ScenarioFile
    observing: bool
    tasks: Sequence[Task]


@dataclass(frozen=True)
class Whole:
    """A scenario to verify, within so many seconds."""

    file: ScenarioFile
    seconds: float


Asked = Batch | Whole
Answer = Glances | ScenarioResult | Exception


@dataclass
class Workers:
    """The run's ends of the pipes."""

    connections: Sequence[Connection]
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def glance(
        self, file: ScenarioFile, tasks: Sequence[Task], *, observing: bool
    ) -> Sequence[tuple[Follow, Glance]]:
        """Has the runs of a batch made, each worker its share, and returns what they came to, in the order of the tasks.

        Raises:
            EnvironmentFailed: a worker has died.
        """
        shares = [tasks[number :: len(self.connections)] for number in range(len(self.connections))]
        async with self._busy:  # an interrupted batch is still being answered
            asking = [
                asyncio.to_thread(_ask, connection, Batch(file, observing, share))
                for connection, share in zip(self.connections, shares, strict=True)
                if share
            ]
            answers = await asyncio.gather(*asking)
        glances: list[tuple[Follow, Glance]] = []
        for position in range(len(tasks)):
            answer = answers[position % len(self.connections)]
            if isinstance(answer, Exception):
                raise answer
            assert not isinstance(answer, ScenarioResult)  # noqa: S101  (for the type checker: a batch was asked for)
            glances.append(answer[position // len(self.connections)])
        return glances

    async def verify(self, number: int, file: ScenarioFile, *, deadline: float) -> ScenarioResult:
        """Has one worker verify a scenario.

        Raises:
            EnvironmentFailed: the worker has died.
        """
        asked = Whole(file, deadline - time.monotonic())
        answer = await asyncio.to_thread(_ask, self.connections[number], asked)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, ScenarioResult)  # noqa: S101  (for the type checker: a scenario was asked for)
        return answer


@contextlib.asynccontextmanager
async def working(server: Server, plan: Plan, count: int) -> AsyncIterator[Workers]:
    """As many workers, for as long as the block runs."""
    spawn = multiprocessing.get_context("spawn")  # nothing of this process, its connections above all, is theirs
    processes, connections = [], []
    for _ in range(count):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=work, args=(theirs, server, plan), daemon=True)
        process.start()
        theirs.close()
        processes.append(process)
        connections.append(ours)
    try:
        yield Workers(connections)
    finally:
        for connection in connections:
            _hang_up(connection)
        for process in processes:
            await asyncio.to_thread(_ended, process)


def work(connection: Connection, server: Server, plan: Plan) -> None:
    """What a worker does: it makes the runs that it is asked for until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    show_data(plan.shows_data)
    logging.getLogger().addHandler(logging.NullHandler())  # as in the run: what crons log is in the findings
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, asyncio.CancelledError):
        uvloop.run(_work(connection, server, plan))


async def _work(connection: Connection, server: Server, plan: Plan) -> None:
    from cronproof.engine.runner import session_on  # noqa: PLC0415  (the runner has workers, and a worker has a runner's session)

    try:
        async with session_on(server, plan) as opened:
            stages: dict[str, Stage] = {}
            while True:
                connection.send(await _unless_left(connection, _answer(opened, stages, connection.recv())))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001  (whatever it is, the run tells the user)
        connection.send(EnvironmentFailed(f"a worker could not go on: {type(error).__name__}: {error}"))


async def _answer(opened: Session, stages: dict[str, Stage], asked: Asked) -> Answer:
    file = asked.file
    if isinstance(asked, Whole):
        return await opened.verify(file, deadline=time.monotonic() + asked.seconds)
    if file.id not in stages:
        stages.clear()
        stages[file.id] = await opened.stage(file)
    stage = stages[file.id]
    stage.observing = asked.observing
    with opened.target.isolated():
        return [await stage.glance(task) for task in asked.tasks]


async def _unless_left(connection: Connection, answer: Coroutine[None, None, Answer]) -> Answer:
    """The answer, but cut short when the run ends meanwhile: it says nothing before it has been answered."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(answer)

    def left() -> None:
        loop.remove_reader(connection.fileno())  # once: what clears up behind the answer is not to be cut short, too
        task.cancel()

    loop.add_reader(connection.fileno(), left)
    try:
        return await task
    finally:
        loop.remove_reader(connection.fileno())
        os.set_blocking(connection.fileno(), True)  # to watch it, the loop has made it another


def _hang_up(connection: Connection) -> None:
    """Has both ends find out, also one that waits at it in another thread."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
    connection.close()


def _ended(process: BaseProcess) -> None:
    """Waits until the worker has ended. One that does not, though nobody asks any more, is killed."""
    process.join(END_SECONDS)
    process.kill()
    process.join()


def _ask(connection: Connection, asked: Asked) -> Answer:
    try:
        connection.send(asked)
        answer: Answer = connection.recv()
    except (EOFError, OSError, pickle.PicklingError) as error:
        return EnvironmentFailed(f"a worker has died: {type(error).__name__} {error}")
    return answer
