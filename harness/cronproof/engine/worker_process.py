"""The main function of a worker: answers the requests from its pipe."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time
import traceback
from collections.abc import Coroutine
from multiprocessing.connection import Connection

import uvloop

from cronproof.engine.plan import Plan
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.engine.session import Session, open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.engine.workers import Answer, Request, Whole
from cronproof.errors import CronproofError, EnvironmentFailed
from cronproof.internal_errors import raise_first, until_error
from cronproof.postgres.server.server import Server
from cronproof.redaction import show_data


def work(connection: Connection, server: Server, plan: Plan) -> None:
    """Answers requests until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    gc.freeze()  # what is loaded stays, and need not be looked through again and again
    show_data(plan.shows_data)
    logging.getLogger().addHandler(logging.NullHandler())  # as in the run: what crons log is in the findings
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, asyncio.CancelledError):
        uvloop.run(_work(connection, server, plan))


async def _work(connection: Connection, server: Server, plan: Plan) -> None:
    try:
        await until_error(_serve(connection, server, plan))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except CronproofError as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001  (whatever it is, the run tells the user)
        traceback.print_exc()
        connection.send(EnvironmentFailed(f"internal error in a worker, {type(error).__name__}: {error}"))


async def _serve(connection: Connection, server: Server, plan: Plan) -> None:
    async with open_session_on(server, plan) as session:
        runners: dict[str, ScenarioRunner] = {}
        while True:
            answer = _answer(session, runners, connection.recv())
            answered = await _unless_left(connection, answer)
            raise_first()  # it may have ended early because of an error elsewhere
            connection.send(answered)


async def _answer(session: Session, runners: dict[str, ScenarioRunner], request: Request) -> Answer:
    file = request.file
    if isinstance(request, Whole):
        return await verify_scenario(session, file, deadline=time.monotonic() + request.seconds)
    if file.id not in runners:
        runners.clear()
        runners[file.id] = await session.prepare(file)
    with session.target.isolated():
        return [await runners[file.id].summarize(item) for item in request.items]


async def _unless_left(connection: Connection, answer: Coroutine[None, None, Answer]) -> Answer:
    """Awaits the answer. Cancels it if the pipe becomes readable: then the run has closed it."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(answer)

    def left() -> None:
        loop.remove_reader(connection.fileno())  # only once: the cleanup must not be cancelled
        task.cancel()

    loop.add_reader(connection.fileno(), left)
    try:
        return await task
    finally:
        loop.remove_reader(connection.fileno())
        os.set_blocking(connection.fileno(), True)  # add_reader made it non-blocking
