"""Workers: processes that verify scenarios or share an exploration, each in its own database.

A worker gets its requests over a pipe. It ends when the run closes the pipe or dies. It ignores
Ctrl-C.
"""

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from cronproof.engine.evaluate import ExecutionSummary
from cronproof.engine.plan import Plan
from cronproof.engine.results import ScenarioResult
from cronproof.errors import EnvironmentFailed
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.postgres.server.server import Server
from cronproof.scenario.reader import ScenarioFile

Summaries = Sequence[tuple[ExecutedSchedule, ExecutionSummary]]
Work = Callable[[Connection, Server, Plan], None]
"""The main function of a worker's process."""
END_SECONDS = 10.0
"""How long a worker may take to clean up."""


class WorkerDied(EnvironmentFailed):
    """A worker's process has ended before it answered."""


@dataclass(frozen=True)
class Batch:
    """A request to execute items of an exploration."""

    file: ScenarioFile
    items: Sequence[WorkItem]


@dataclass(frozen=True)
class Whole:
    """A request to verify a scenario within so many seconds."""

    file: ScenarioFile
    seconds: float


Request = Batch | Whole
Answer = Summaries | ScenarioResult | Exception


@dataclass
class Workers:
    """The workers of a run: its ends of their pipes."""

    connections: Sequence[Connection]
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def summarize(self, file: ScenarioFile, items: Sequence[WorkItem]) -> Summaries:
        """Has the workers execute a batch together. Returns the results in the order of the items.

        Raises:
            WorkerDied: a worker's process has ended.
            Exception: what a worker could not go on for.
        """
        count = len(self.connections)
        shares = [items[number::count] for number in range(count)]
        async with self._busy:  # an interrupted batch is still being answered
            asking = [
                asyncio.to_thread(_ask, connection, Batch(file, share))
                for connection, share in zip(self.connections, shares, strict=True)
                if share
            ]
            answers = await asyncio.gather(*asking)
        summaries: list[tuple[ExecutedSchedule, ExecutionSummary]] = []
        for position in range(len(items)):
            answer = answers[position % count]
            if isinstance(answer, Exception):
                raise answer
            assert not isinstance(answer, ScenarioResult)  # noqa: S101  (for the type checker: a batch was asked for)
            summaries.append(answer[position // count])
        return summaries

    async def verify(self, number: int, file: ScenarioFile, *, deadline: float) -> ScenarioResult:
        """Has one worker verify a scenario.

        Raises:
            WorkerDied: its process has ended.
            Exception: what it could not go on for.
        """
        answer = await asyncio.to_thread(_ask, self.connections[number], Whole(file, deadline - time.monotonic()))
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, ScenarioResult)  # noqa: S101  (for the type checker: a scenario was asked for)
        return answer


@contextlib.asynccontextmanager
async def start_workers(server: Server, plan: Plan, count: int, work: Work) -> AsyncIterator[Workers]:
    """Starts `count` workers for as long as the block runs."""
    spawn = multiprocessing.get_context("spawn")  # they must not inherit our connections
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
            await asyncio.to_thread(_wait_for_end, process)


def _hang_up(connection: Connection) -> None:
    """Closes a connection so that both ends notice, even a thread that is waiting at it."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
    connection.close()


def _wait_for_end(process: BaseProcess) -> None:
    """Waits until the worker has ended. If it does not, kills it."""
    process.join(END_SECONDS)
    process.kill()
    process.join()


def _ask(connection: Connection, request: Request) -> Answer:
    try:
        connection.send(request)
        answer: Answer = connection.recv()
    except (EOFError, OSError, pickle.PicklingError) as error:
        return WorkerDied(f"a worker has died ({type(error).__name__})")
    return answer
