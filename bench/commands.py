"""Commands: how long a schedule of two takes, against the start of one."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from bench.outside import Unreduced
from cronproof.engine.plan import Plan
from cronproof.engine.session import open_session_on
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader

APPS = Path("tests/foreign/apps")
RUNS = 20
SECONDS = 15.0
SCENARIO = """\
title: Two runs of mail at once
why: What a schedule of commands costs.
test: race
given: {rows: {outbox: [{recipient: "+12125550101", order_number: 7}]}}
when: {call: mail, instances: 2, interleavings: all}
then: [exclusive]
"""


async def rates(postgres: Server, unreduced: Unreduced) -> None:
    """(k) Schedules of two commands; beside it, the same program as it starts, imports and ends."""
    plan = Plan.from_options("right-command", APPS / "cronproof.toml", None)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mail.yaml"
        file.write_text(SCENARIO)
        async with open_session_on(postgres, plan) as opened:
            stage = await opened.prepare(reader.read_scenario(file))
            coverage, seconds = await unreduced(stage, SECONDS)
    schedule = seconds / coverage.schedules
    one, two = await _start_seconds(1), await _start_seconds(2)
    print("(k) two processes for each schedule: a command that sends what is in an outbox")
    print(f"    explored: {schedule:.3f} s a schedule ({coverage.schedules} schedules)")
    print(f"    the start of one process alone: {one:.3f} s; of two at once: {two:.3f} s")
    print(f"    explored / one start: {schedule / one:.2f}; explored / two at once: {schedule / two:.2f}\n", flush=True)


async def _start_seconds(processes: int) -> float:
    """How long processes take that import what the command does, and end."""
    started = time.monotonic()
    for _ in range(RUNS):
        running = [
            await asyncio.create_subprocess_exec(
                sys.executable, "worker.py", "nothing", cwd=APPS, stderr=asyncio.subprocess.PIPE
            )
            for _ in range(processes)
        ]
        said = await asyncio.gather(*(process.communicate() for process in running))
        assert all(b"there is no nothing" in error for _, error in said), said  # noqa: S101  (it has come so far)
    return (time.monotonic() - started) / RUNS
