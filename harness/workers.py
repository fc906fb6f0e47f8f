"""Workers: processes that make the runs of an exploration, each in a database of its own on the same server.

A worker is a session like any other, told over a pipe what to run. It ends when the pipe closes, because the run closed
it or because the run died; Ctrl-C is for the run alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import uvloop

from harness.errors import EnvironmentFailed
from harness.explore.schedule import Follow
from harness.explore.search import Task
from harness.postgres.server import Server
from harness.scenario.reader import ScenarioFile
from harness.stage import Glance, Stage

if TYPE_CHECKING:
    from harness.runner import Plan, Session

Asked = tuple[ScenarioFile, bool, Sequence[Task]]
"""The scenario, whether it is found out what each step touches, and the runs to make."""

Answer = Sequence[tuple[Follow, Glance]] | Exception


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
                asyncio.to_thread(_ask, connection, (file, observing, share))
                for connection, share in zip(self.connections, shares, strict=True)
                if share
            ]
            answers = await asyncio.gather(*asking)
        glances: list[tuple[Follow, Glance]] = []
        for position in range(len(tasks)):
            answer = answers[position % len(self.connections)]
            if isinstance(answer, Exception):
                raise answer
            glances.append(answer[position // len(self.connections)])
        return glances


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
            connection.close()
        for process in processes:
            await asyncio.to_thread(process.join)


def work(connection: Connection, server: Server, plan: Plan) -> None:
    """What a worker does: it makes the runs that it is asked for until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(EOFError, BrokenPipeError):
        uvloop.run(_work(connection, server, plan))


async def _work(connection: Connection, server: Server, plan: Plan) -> None:
    from harness.runner import session_on  # noqa: PLC0415  (the runner has workers, and a worker has a runner's session)

    try:
        async with session_on(server, plan) as opened:
            stages: dict[str, Stage] = {}
            while True:
                file, observing, tasks = connection.recv()
                connection.send(await _answer(opened, stages, file, observing, tasks))
    except EOFError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever it is, the run tells the user)
        connection.send(EnvironmentFailed(f"a worker could not go on: {type(error).__name__}: {error}"))


async def _answer(
    opened: Session, stages: dict[str, Stage], file: ScenarioFile, observing: bool, tasks: Sequence[Task]
) -> Answer:
    if file.id not in stages:
        stages.clear()
        stages[file.id] = await opened.stage(file)
    stage = stages[file.id]
    stage.observing = observing
    with opened.target.isolated():
        return [await stage.glance(task) for task in tasks]


def _ask(connection: Connection, asked: Asked) -> Answer:
    try:
        connection.send(asked)
        answer: Answer = connection.recv()
    except (EOFError, OSError, pickle.PicklingError) as error:
        return EnvironmentFailed(f"a worker has died: {type(error).__name__} {error}")
    return answer
