"""`make bench`: how fast schedules run, and against what. Every number comes with its baseline, measured beside it."""

import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import uvloop

from bench import commands, outside
from bench.direct import serial_rate
from bench.hammering import claims, runs_until_duplicate
from bench.reports import rendering
from bench.statements import CLAIM, SEND
from cronproof.engine.evaluate import ExecutionSummary
from cronproof.engine.plan import Plan
from cronproof.engine.results import ScenarioResult
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.engine.session import Session, open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.explore import explorer
from cronproof.explore.explorer import Coverage
from cronproof.explore.inside import Choice
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.gate.gate import OpenGate
from cronproof.postgres import lifecycle
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.reset import Script
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from tests.support.isolationtester import permutations
from tests.support.sessions import Sessions, SessionsSummary

RACE = Path("scenarios/3-race/post-job-followup.yaml")
STATEMENTS = 2000
SCHEDULES = 600
WORKERS_SECONDS = 10.0

# Three sessions of three steps each that never wait for each other: 9! / 3!³ = 1,680 permutations.
COUNTERS = "create table counters (id int primary key, n int not null); grant all on counters to service_role"
COUNTER_ROWS = [b"insert into counters values (1, 0), (2, 0), (3, 0)"]
STEPS: Mapping[str, Sequence[str]] = {
    "A": (
        "update counters set n = n + 1 where id = 1",
        "select n from counters where id = 2",
        "select sum(n) from counters",
    ),
    "B": (
        "update counters set n = n * 2 + 1 where id = 2",
        "select n from counters where id = 3",
        "select n from counters where id = 1",
    ),
    "C": (
        "update counters set n = 7 where id = 3",
        "select n from counters where id = 1",
        "update counters set n = n + 10 where id = 3",
    ),
}


async def main() -> None:
    """Measures everything, a heading for each."""
    async with server.open_server("embedded") as postgres:
        async with open_session_on(postgres, Plan.from_options(None, None, None)) as opened:
            await control(opened)
            await proxy(opened.database)
        await outside.rates(postgres, RACE, unreduced)
        await commands.rates(postgres, unreduced)
        await sessions(postgres)
        await pieces(postgres)
        await race(postgres)
        await peer(postgres)
        await growth(postgres)
        await workers(postgres)


async def control(opened: Session) -> None:
    """(a) What control costs over the same instances, uncontrolled."""
    stage = await opened.prepare(reader.read_scenario(RACE))
    with opened.target.isolated():
        await unreduced(stage)
        coverage, seconds = await unreduced(stage)
    explored = coverage.schedules / seconds
    serial, bare = await serial_rate(opened, stage)
    print("(a) post-job-followup, two instances, every schedule, one worker")
    print(f"    explored: {explored:.0f} schedules a second ({coverage.schedules} schedules)")
    print(f"    the same instances one after the other, connected directly, and reset: {serial:.0f} a second")
    print(f"    the bare statements of one schedule on one warm connection, and reset: {bare:.0f} a second")
    print(f"    explored / serial: {explored / serial:.2f}; explored / bare: {explored / bare:.2f}\n", flush=True)


async def unreduced(stage: ScenarioRunner, seconds: float = math.inf) -> tuple[Coverage, float]:
    """Every schedule, or as many as there is time for."""

    async def execute(tasks: Sequence[WorkItem]) -> Sequence[tuple[ExecutedSchedule, ExecutionSummary]]:
        return [await stage.summarize(task) for task in tasks]

    search = explorer.make_strategy("all-unreduced", [instance.name for instance in stage.instances])
    started = time.monotonic()
    deadline = started + seconds
    coverage, _ = await explorer.explore(search, "all-unreduced", execute, deadline=deadline, progress=lambda _: None)
    return coverage, time.monotonic() - started


async def proxy(database: Database) -> None:
    """(f) What the proxy costs a statement."""
    way = Proxy("A", database.upstream, OpenGate())
    async with way.listening():
        through = await statement_seconds(database.url(way.port, "service_role"))
        straight = await statement_seconds(database.conninfo)
    print("(f) one statement, a round trip")
    print(f"    through the proxy: {through * 1e3:.3f} ms; directly, by Unix socket: {straight * 1e3:.3f} ms")
    print(f"    through / directly: {through / straight:.1f}\n", flush=True)


async def statement_seconds(conninfo: str) -> float:
    """How long a statement of no work takes."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None) as connection:
        started = time.monotonic()
        for number in range(STATEMENTS):
            await connection.execute("select %s::int", [number])
        return (time.monotonic() - started) / STATEMENTS


async def sessions(postgres: Server) -> None:
    """(b) The same SQL in Postgres' own isolation tester."""
    with tempfile.TemporaryDirectory() as folder:
        async with lifecycle.create_database(postgres) as database:
            await make_counters(database, Path(folder))
            script = await database.script(COUNTER_ROWS)
            every, every_seconds = await explored(database, script, "all-unreduced")
            reduced, reduced_seconds = await explored(database, script, "all")
            theirs = isolationtester_seconds(database.conninfo, Path(folder))
    print("(b) three sessions of three steps, 1,680 permutations")
    print(f"    isolationtester: {theirs:.1f} s")
    print(
        f"    every schedule here: {every_seconds:.1f} s ({every.schedules} schedules, {len(every.outcomes)} outcomes)"
    )
    print(f"    reduced: {reduced_seconds:.1f} s ({reduced.schedules} schedules, {len(reduced.outcomes)} outcomes)")
    print(
        f"    every / theirs: {every_seconds / theirs:.1f}; reduced / theirs: {reduced_seconds / theirs:.2f}\n",
        flush=True,
    )


async def make_counters(database: Database, folder: Path) -> None:
    """Creates the table of counters."""
    file = folder / "counters.sql"
    file.write_text(COUNTERS)
    await database.migrate([file])
    await database.prepare()


async def pieces(postgres: Server) -> None:
    """(h) What a piece of a statement costs over a whole one."""
    # Each of a row of its own, so that nobody waits. Taken apart, a statement is three steps.
    statements = [f"update counters set n = n + 1 where id + 0 = {number}" for number in (1, 2)]  # noqa: S608  (none comes from outside)
    with tempfile.TemporaryDirectory() as folder:
        async with lifecycle.create_database(postgres) as database:
            await make_counters(database, Path(folder))
            await database.inside.install()
            script = await database.script([b"insert into counters values (1, 0), (2, 0)"])
            whole = await step_seconds(database, script, [[one] * 9 for one in statements], "none")
            apart = await step_seconds(database, script, [[one] * 3 for one in statements], "all")
    print("(h) one step of a schedule of two sessions and 18 steps")
    print(f"    a piece of a statement: {apart * 1e3:.2f} ms; a whole statement: {whole * 1e3:.2f} ms")
    print(f"    a piece / a whole statement: {apart / whole:.2f}\n", flush=True)


async def step_seconds(database: Database, script: Script, programs: Sequence[Sequence[str]], inside: Choice) -> float:
    """How long a step takes, in many schedules of two sessions."""
    steps = 0
    async with Sessions(database, dict(zip("AB", programs, strict=True)), script, []).opened() as opened:

        async def execute(items: Sequence[WorkItem]) -> Sequence[tuple[ExecutedSchedule, SessionsSummary]]:
            nonlocal steps
            executed = await opened.execute(items)
            steps += sum(len(one.decisions) for one, _ in executed)
            return executed

        strategy = explorer.make_strategy("all-unreduced", ["A", "B"], inside=inside)
        started = time.monotonic()
        await explorer.explore(
            strategy, "all-unreduced", execute, deadline=math.inf, progress=lambda _: None, at_most=SCHEDULES
        )
        return (time.monotonic() - started) / steps


async def explored(
    database: Database,
    script: Script,
    name: str,
    programs: Mapping[str, Sequence[str]] = STEPS,
    tables: Sequence[str] = ("counters",),
) -> tuple[Coverage, float]:
    """Sessions explored."""
    async with Sessions(database, programs, script, tables).opened() as opened:
        search = explorer.make_strategy(name, list(programs))
        started = time.monotonic()
        coverage, _ = await explorer.explore(search, name, opened.execute, deadline=math.inf, progress=lambda _: None)
        return coverage, time.monotonic() - started


def isolationtester_seconds(conninfo: str, folder: Path) -> float:
    """How long Postgres' tester takes for all permutations, with a setup as cheap as ours."""
    setup = "delete from counters; insert into counters values (1, 0), (2, 0), (3, 0)"
    started = time.monotonic()
    found = permutations(STEPS, setup, conninfo, folder)
    seconds = time.monotonic() - started
    assert len(found) == 1680  # noqa: S101  (else the comparison is none)
    return seconds


async def race(postgres: Server) -> None:
    """(c) How long until a race is found."""
    async with open_session_on(postgres, Plan.from_options("legacy", None, None)) as opened:
        result, seconds = await timed(opened, RACE)
    print("(c) until a race is found")
    print(f"    legacy post-job-followup: {seconds:.2f} s, its shortest schedule included ({result.verdict})")
    async with lifecycle.create_database(postgres) as database:
        found = await runs_until_duplicate(database)
    print(
        f"    a claim that commits before its UPDATE, explored: {found.explored_seconds:.2f} s ({found.schedules} schedules)"
    )
    print(
        f"    the same, two connections without control, each at a random moment of 20 ms: {found.hits} of {found.trials} trials hit it, "
        f"{found.hammering_seconds:.2f} s until the first, {found.per_trial_seconds * 1e3:.1f} ms a trial\n",
        flush=True,
    )


async def peer(postgres: Server) -> None:
    """(d) The closest tool in Python on a claim that is correct."""
    async with lifecycle.create_database(postgres) as database:
        script = await claims(database)
        asking = [sys.executable, "-m", "bench.peer", database.conninfo]
        done = await asyncio.create_subprocess_exec(*asking, stdout=asyncio.subprocess.PIPE)
        answer, _ = await done.communicate()
        theirs = json.loads(answer)
        programs = {name: [CLAIM, SEND] for name in "AB"}
        ours, seconds = await explored(database, script, "all-unreduced", programs, ["claims", "sent"])
    print("(d) a correct claim and what is sent, two instances, exhaustive")
    print(f"    frontrun, two processes: {theirs['schedules']} schedules, {theirs['seconds']:.2f} s, {theirs['said']}")
    print(f"    here: {ours.schedules} schedules, {seconds:.2f} s")
    rates = ours.schedules / seconds, theirs["schedules"] / theirs["seconds"]
    print(f"    here / frontrun, schedules a second: {rates[0] / rates[1]:.0f}\n", flush=True)


async def timed(opened: Session, file: Path, **changes: object) -> tuple[ScenarioResult, float]:
    """One scenario, its interleavings only."""
    read = reader.read_scenario(file)
    when = read.scenario.when
    assert when is not None  # noqa: S101  (it is a race)
    explored_only = when.model_copy(update={"orders": [], **changes})
    scenario = read.scenario.model_copy(update={"when": explored_only})
    started = time.monotonic()
    result = await verify_scenario(opened, reader.ScenarioFile(scenario, read.source))
    return result, time.monotonic() - started


async def growth(postgres: Server) -> None:
    """(e) How it grows with instances."""
    print("(e) growth: the reference's post-job-followup, reduced")
    async with open_session_on(postgres, Plan.from_options(None, None, None)) as opened:
        for instances, file in ((2, RACE), (3, RACE), (4, RACE), (2, THREE_JOBS), (3, THREE_JOBS)):
            result, seconds = await timed(opened, file, instances=instances)
            jobs = len(result.file.scenario.given.rows["jobs"])
            print(
                f"    {instances} instances, {jobs} job{'s' * (jobs > 1)}: "
                f"{result.exploration.schedules} schedules, {seconds:.1f} s",
                flush=True,
            )
    print()


THREE_JOBS = Path("scenarios/3-race/three-instances.yaml")


async def workers(postgres: Server) -> None:
    """How much a second worker adds."""
    rates = []
    for count in (1, 2):
        async with open_session_on(postgres, Plan.from_options(None, None, None, workers=count)) as opened:
            await timed(opened, THREE_JOBS, interleavings="all")  # until every worker is up
            started = time.monotonic()
            file = reader.read_scenario(THREE_JOBS)
            when = file.scenario.when
            assert when is not None  # noqa: S101  (it is a race)
            only = when.model_copy(update={"orders": [], "interleavings": "all-unreduced"})
            scenario = file.scenario.model_copy(update={"when": only})
            result = await verify_scenario(
                opened, reader.ScenarioFile(scenario, file.source), deadline=started + WORKERS_SECONDS
            )
            rates.append(result.exploration.schedules / (time.monotonic() - started))
    print("workers: three instances, every schedule, as many as there is time for")
    print(f"    one: {rates[0]:.0f} schedules a second; two: {rates[1]:.0f}; two / one: {rates[1] / rates[0]:.2f}\n")


if __name__ == "__main__":
    uvloop.run(main())
    rendering()  # runs a command, which has a loop of its own
