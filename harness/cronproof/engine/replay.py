"""Replay: a saved counterexample is run again, as often as wanted, and step by step if wanted."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable

from cronproof.checks import Verdict
from cronproof.checks.check import Finding
from cronproof.engine.results import worst
from cronproof.engine.runner import Plan, session
from cronproof.engine.scenario_runner import Stage, examine
from cronproof.errors import UsageError
from cronproof.explore.counterexample import Counterexample, Replay
from cronproof.explore.schedule import Data
from cronproof.scenario import choices
from cronproof.scenario.reader import ScenarioFile

SAID: dict[Verdict, str] = {"FAIL": "still fails", "PASS": "no longer fails", "INCONCLUSIVE": "diverged"}


async def replay(
    plan: Plan,
    file: ScenarioFile,
    counterexample: Counterexample,
    *,
    times: int,
    pause: bool,
    tell: Callable[[str], None],
) -> Verdict:
    """Runs a counterexample again and says what became of it: FAIL, it still fails; PASS; INCONCLUSIVE, it diverged.

    Raises:
        UsageError: its scenario, or the check in it, is not there any more.
        EnvironmentFailed: there is no such Postgres.
    """
    if file.scenario.when is None or all(check.id != counterexample.check for check in file.scenario.checks):
        raise UsageError(f"{file.source.file} does not ask for {counterexample.check} any more")
    try:
        data = choices.found(file.scenario, counterexample.data)
    except ValueError as error:
        raise UsageError(f"{file.source.file} does not have the rows of the counterexample any more: {error}") from None
    async with session(plan) as opened:
        await opened.compile([file])
        stage = await opened.stage(file)
        database = opened.database
        tell(f"{file.id} on {plan.target}, PostgreSQL {database.version}, {database.where}")
        if pause:
            tell(f"Look into the database with: psql '{database.conninfo}'")
        findings = []
        with opened.target.isolated():
            for number in range(times):
                finding = await _once(stage, counterexample, data, pause=pause, tell=tell)
                findings.append(finding)
                if number == 0 or finding != findings[0]:
                    tell(f"{SAID[finding.verdict]}: {counterexample.check}: {finding.message}")
    verdict = worst([finding.verdict for finding in findings])
    if verdict == "INCONCLUSIVE":
        tell(f"If the code does other things now, its schedules are others: cronproof explore {file.source.file}")
    if times > 1:
        counts = Counter(finding.verdict for finding in findings)
        tell(f"{times} times: " + ", ".join(f"{count} × {SAID[verdict]}" for verdict, count in counts.most_common()))
    return verdict


async def _once(
    stage: Stage, counterexample: Counterexample, data: Data, *, pause: bool, tell: Callable[[str], None]
) -> Finding:
    async def before_step(number: int, instance: str, name: str) -> None:
        tell(f"{number:3}  {instance}: {name}   [Enter]")
        await _enter()

    played = Replay(counterexample.steps, before_step if pause else None)
    run = await stage.play("replay", played, data)
    if not run.hindrance and played.passed:
        tell(f"on the way, and not in the file: {'; '.join(played.passed)}")
    findings = {check.id: examine(check, run) for check in stage.checks}
    finding = findings[counterexample.check]
    if counterexample.known in finding.known:  # the check lets it pass, and it is there all the same
        return Finding("FAIL", f"{finding.message}: {counterexample.known}")
    if finding.verdict == "PASS":
        others = [(check, other) for check, other in findings.items() if other.verdict == "FAIL"]
        for check, other in others:
            return Finding("FAIL", f"{finding.message}, but {check} fails: {other.message}")
    return finding


async def _enter() -> None:
    """Waits for a line of standard input, and lets an interrupt through meanwhile."""
    loop, line = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin, line.set)
    except PermissionError:  # a plain file can always be read
        line.set()
    try:
        await line.wait()
        sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin)
