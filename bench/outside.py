"""Servers outside: how fast their schedules run, against the same calls uncontrolled."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from cronproof.engine.plan import Plan
from cronproof.engine.session import open_session_on
from cronproof.explore.explorer import Coverage
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader

TARGETS = Path("fixtures/targets")
INSTALLED = {
    "node-pg": "node_modules/.ready",
    "fastapi": ".venv/.ready",
    "nextjs-supabase": ".next/.ready",
}
RUNS = 300

Unreduced = Callable[..., Awaitable[tuple[Coverage, float]]]
"""Runs every schedule of a `ScenarioRunner`, or as many as there is time for."""


async def rates(postgres: Server, race: Path, unreduced: Unreduced) -> None:
    """Explores each example with one worker; beside it, the same processes are called without control."""
    print("(h) post-job-followup of servers outside, two instances, every schedule, one worker")
    for name, mark in INSTALLED.items():
        if not (TARGETS / name / mark).exists():
            print(f"    {name}: not installed, `make examples` does it")
            continue
        plan = Plan.from_options(None, TARGETS / name / "cronproof.toml", None)
        async with open_session_on(postgres, plan) as opened:
            stage = await opened.prepare(reader.read_scenario(race))
            await stage.reset()
            coverage, seconds = await unreduced(stage)
            explored = coverage.schedules / seconds
            started = time.monotonic()
            for _ in range(RUNS):
                await stage.reset()
                for instance in stage.instances:
                    await opened.target.call(instance, method="GET", secret=opened.target.secret)
            serial = RUNS / (time.monotonic() - started)
        print(f"    {name}: explored {explored:.0f} schedules a second ({coverage.schedules} schedules)")
        print(f"    {name}: called one after the other, without control, and reset: {serial:.0f} a second")
        print(f"    {name}: explored / serial: {explored / serial:.2f}", flush=True)
    print()
