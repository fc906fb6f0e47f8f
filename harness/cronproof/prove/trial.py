"""Tries one implementation: verifies the scenarios of its crons until one catches it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.checks.rpc_present import RpcPresent
from cronproof.cleanup import guarded
from cronproof.domain.crons import CLAIM_FUNCTIONS, called_by
from cronproof.engine.plan import Plan
from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.errors import CronproofError
from cronproof.evidence.finding import Verdict
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.scenario.reader import ScenarioFile
from cronproof.targets import reference

TRIAL_SECONDS = 240.0

Kind = Literal["saboteur", "mutant", "variant"]
Outcome = Literal["caught", "caught by another check", "missed", "timed out", "broken"]
"""`broken`: it cannot be verified, for example because Postgres refuses its migration."""


@dataclass(frozen=True)
class Subject:
    """An implementation: edited files of a built-in target, and the crons they change (none: all).

    `proves` is the check that must catch it. None means any check.
    """

    name: str
    kind: Kind
    sources: Mapping[str, str]
    crons: Sequence[str] = ()
    target: str = "reference"
    in_processes: bool = False
    """Whether its instances are processes of their own. They are those of `reference` then."""
    proves: str | None = None
    verdict: Verdict = "FAIL"
    """What the check `proves` must say of a saboteur."""
    message: str = ""
    """What its message must have in it."""
    bug: str = ""
    is_explained: bool = False
    """Whether its change is said not to matter. Only functions, rules and retry run then."""
    scenarios: Sequence[Path] = ()
    """The files that it is tried on instead of those of its crons."""


@dataclass(frozen=True)
class Trial:
    """The result: the failed checks, and the scenario and message of the first or of `proves`."""

    subject: Subject
    outcome: Outcome
    failed: Sequence[str]
    scenario: str | None
    message: str | None
    seconds: float
    doubts: Sequence[str] = field(default_factory=list)
    """Scenarios that were INCONCLUSIVE, with the reason: they catch nothing."""


async def try_subject(server: Server, subject: Subject, files: Sequence[ScenarioFile]) -> Trial:
    """Tries one implementation."""
    if not subject.in_processes:
        application = reference.find_built_in(subject.target).edited_application(subject.sources)
        return await _try(server, subject, files, Plan(subject.target, application=application))
    with guarded() as guard:
        served = reference.serve_edited(subject.sources, guard.folder / "application")
        return await _try(server, subject, files, Plan(subject.target, external=served, logs=guard.folder / "logs"))


async def _try(server: Server, subject: Subject, files: Sequence[ScenarioFile], plan: Plan) -> Trial:
    found = _TrialProgress(subject, time.monotonic())
    migrations = reference.find_built_in(subject.target).migrations
    plan = replace(plan, migrations=migrations, edited=subject.sources, seeks_failures=True)
    try:
        async with asyncio.timeout(TRIAL_SECONDS), open_session_on(server, plan) as session:
            for file in reader.read_scenarios(subject.scenarios) or in_order(files, subject):
                found.add(await verify_scenario(session, file))
                if found.is_decided:
                    break
    except TimeoutError:
        return found.trial("timed out")
    except CronproofError as error:
        found.message = str(error)
        return found.trial("broken")
    if not found.failed:
        return found.trial("missed")
    return found.trial("caught" if found.is_decided else "caught by another check")


@dataclass
class _TrialProgress:
    subject: Subject
    started: float
    failed: list[str] = field(default_factory=list)
    scenario: str | None = None
    message: str | None = None
    doubts: list[str] = field(default_factory=list)

    @property
    def is_decided(self) -> bool:
        proves = self.subject.proves
        return bool(self.failed) and self.subject.kind != "variant" and proves in (None, *self.failed)

    def add(self, result: ScenarioResult) -> None:
        for check in result.checks:
            subject = self.subject
            awaited, said = (subject.verdict, subject.message) if check.id == subject.proves else ("FAIL", "")
            if check.verdict == awaited and said in check.message and check.id not in self.failed:
                self.failed.append(check.id)
                if self.scenario is None or check.id == self.subject.proves:
                    self.scenario, self.message = result.file.id, check.message
        verdict: Verdict = result.verdict
        if verdict == "INCONCLUSIVE":
            self.doubts.append(f"{result.file.id}: {result.reason}")

    def trial(self, outcome: Outcome) -> Trial:
        seconds = time.monotonic() - self.started
        return Trial(self.subject, outcome, self.failed, self.scenario, self.message, seconds, self.doubts)


_COST = ("functions", "rules", "retry", "race", "query plans", "responses", "roles", "faults", "remaining")


def in_order(files: Sequence[ScenarioFile], subject: Subject) -> list[ScenarioFile]:
    """Returns the scenarios of the implementation's crons: those with the check that must catch it
    first, then by cost. Slow scenarios are left out.
    """
    concerned = [file for file in files if not subject.crons or concerns(file, subject.crons)]
    if subject.kind == "saboteur":
        concerned = [file for file in concerned if not (file.scenario.slow and file.scenario.test == "remaining")]
    else:  # the remaining crons are compared as a whole, by `cronproof risks`
        concerned = [file for file in concerned if not (file.scenario.slow or file.scenario.test == "remaining")]
    if subject.in_processes:  # they take longer, and differ only in what runs at once or dies
        concerned = [file for file in concerned if file.scenario.test in {"race", "faults"}]
    if subject.is_explained:
        concerned = [file for file in concerned if file.scenario.test in {"functions", "rules", "retry"}]

    def rank(file: ScenarioFile) -> tuple[bool, int]:
        checks = file.scenario.checks
        has_proving_check = any(check.id == subject.proves for check in checks)
        has_many_orders = any(check.depends_on_query_plan for check in checks)
        return not has_proving_check, _COST.index("query plans" if has_many_orders else file.scenario.test)

    return sorted(concerned, key=rank)


def concerns(file: ScenarioFile, crons: Sequence[str]) -> bool:
    """Whether a scenario calls one of the crons, or checks its claim function."""
    when = file.scenario.when
    if when is not None:
        return bool(set(when.call) & {*crons, *map(called_by, crons)})
    functions = [check.function for check in file.scenario.checks if isinstance(check, RpcPresent | RpcGuarded)]
    return any(CLAIM_FUNCTIONS.get(cron) in functions for cron in crons)
