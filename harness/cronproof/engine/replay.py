"""Replay: executes a saved counterexample again, several times or step by step if asked."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable

from cronproof.domain.choice import Data
from cronproof.engine.plan import Plan
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.engine.session import open_session
from cronproof.errors import UsageError, nearest
from cronproof.evidence.finding import Finding, Verdict, inconclusive, worst
from cronproof.explore.counterexample import Counterexample, CounterexamplePolicy
from cronproof.explore.schedule import faults_in
from cronproof.gate.names import step_name
from cronproof.gate.point import Point
from cronproof.scenario import choices
from cronproof.scenario.reader import ScenarioFile

IN_WORDS: dict[Verdict, str] = {"FAIL": "still fails", "PASS": "no longer fails", "INCONCLUSIVE": "diverged"}
Tell = Callable[[str], None]


async def replay(
    plan: Plan, file: ScenarioFile, counterexample: Counterexample, *, times: int, pause: bool, tell: Tell
) -> Verdict:
    """Executes a counterexample again. FAIL: still fails; PASS: no longer; INCONCLUSIVE: diverged.

    Raises:
        UsageError: its scenario no longer has the calls, the check or the rows.
        EnvironmentFailed: there is no such Postgres.
    """
    if file.scenario.when is None or all(check.id != counterexample.check for check in file.scenario.checks):
        raise UsageError(f"{file.source.file} does not ask for {counterexample.check} any more")
    try:
        data = choices.find_choice(file.scenario, counterexample.data)
    except ValueError as error:
        raise UsageError(f"{file.source.file} does not have the rows of the counterexample any more: {error}") from None
    async with open_session(plan) as session:
        await session.compile([file])
        for fault in sorted(faults_in([choice for choice, _ in counterexample.steps]) - set(session.fault_names)):
            raise UsageError(
                f"the counterexample has a fault {fault!r}, and there is none{nearest(fault, session.fault_names)}"
            )
        runner = await session.prepare(file)
        database = session.database
        if (plan_of_query := counterexample.query_plan) not in (None, *database.query_plans):
            raise UsageError(
                f"{database.where} cannot plan statements with {plan_of_query}; it can with {', '.join(database.query_plans)}"
            )
        tell(f"{file.id} on {plan.target}, PostgreSQL {database.version}, {database.where}")
        if pause:
            tell(f"Look into the database with: psql '{database.conninfo}'")
        findings = []
        with session.target.isolated():
            for number in range(times):
                finding = await _replay_once(runner, counterexample, data, pause=pause, tell=tell)
                findings.append(finding)
                if number == 0 or finding != findings[0]:
                    tell(f"{IN_WORDS[finding.verdict]}: {counterexample.check}: {finding.message}")
    verdict = worst([finding.verdict for finding in findings])
    if verdict == "INCONCLUSIVE":
        tell(f"If the code has changed, find its new schedules with: cronproof explore {file.source.file}")
    if times > 1:
        counts = Counter(finding.verdict for finding in findings)
        tell(
            f"{times} times: " + ", ".join(f"{count} × {IN_WORDS[verdict]}" for verdict, count in counts.most_common())
        )
    return verdict


async def _replay_once(
    runner: ScenarioRunner, counterexample: Counterexample, data: Data, *, pause: bool, tell: Tell
) -> Finding:
    policies: list[CounterexamplePolicy] = []

    def make_policy() -> CounterexamplePolicy:
        policies.append(CounterexamplePolicy(counterexample.steps))
        return policies[-1]

    async def before_step(choice: str, point: Point) -> None:
        if not policies[-1].is_over:
            tell(f"{policies[-1].number:3}  {choice}: {step_name(point)}   [Enter]")
            await _wait_for_enter()

    async with runner.under(counterexample.circumstances, data) as spec:
        evidence = await runner.play("replay", make_policy, data, spec, before_step if pause else None)
    policy = policies[-1]
    if not evidence.inconclusive_reason and policy.extra:
        tell(f"extra steps that are not in the file: {'; '.join(policy.extra)}")
    if not evidence.inconclusive_reason and policy.position < len(policy.steps):
        return inconclusive(policy.divergence)
    findings = {check.id: finding for check, finding in zip(runner.checks, evidence.findings, strict=True)}
    finding = findings[counterexample.check]
    if counterexample.known in finding.known:  # the check passes, but the limit still shows
        return Finding("FAIL", f"{finding.message}: {counterexample.known}")
    if finding.verdict == "PASS":
        for check, other in findings.items():
            if other.verdict == "FAIL":
                return Finding("FAIL", f"{finding.message}, but {check} fails: {other.message}")
    return finding


async def _wait_for_enter() -> None:
    """Waits for a line of standard input. An interrupt ends the wait."""
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
