"""Tries one implementation: verifies the scenarios of its crons until one catches it."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.checks.rpc_present import RpcPresent
from cronproof.config.config import CronConfig
from cronproof.engine.plan import Plan
from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.errors import CronproofError
from cronproof.evidence.finding import Verdict
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.scenario.reader import ScenarioFile
from cronproof.targets.config import TargetConfig

TRIAL_SECONDS = 240.0

Kind = Literal["saboteur", "mutant", "variant"]
Outcome = Literal["caught", "caught by another check", "missed", "timed out", "broken"]
"""`broken`: it cannot be verified, for example because Postgres refuses its migration."""


@dataclass(frozen=True)
class Subject:
    """An implementation: a target with edited files, by path from the configuration, and the crons that they
    change (none: all).

    `proves` is the check that must catch it. None means any check.
    """

    name: str
    kind: Kind
    sources: Mapping[str, str]
    crons: Sequence[str] = ()
    target: str = ""
    in_processes: bool = False
    """Whether its instances are processes of their own."""
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
    meets_faults: bool = True
    """Whether scenarios with faults are among them."""


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


@dataclass(frozen=True)
class Course:
    """What every trial has in common: the folder of the configuration, the plans of its targets by name, what is
    copied, and the scenarios.
    """

    folder: Path
    plans: Mapping[str, Plan]
    copied: Sequence[Path]
    served: TargetConfig
    """How an implementation is started whose instances are processes of their own."""
    files: Sequence[ScenarioFile]


async def try_subject(server: Server, subject: Subject, course: Course, folder: Path) -> Trial:
    """Tries one implementation, in a copy of its files below `folder`."""
    found = _TrialProgress(subject, time.monotonic())
    with tempfile.TemporaryDirectory(dir=folder) as copy:
        plan = plan_of(subject, course, Path(copy))
        try:
            async with asyncio.timeout(TRIAL_SECONDS), open_session_on(server, plan) as session:
                for file in reader.read_scenarios(subject.scenarios) or in_order(course.files, subject, plan.crons):
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


def plan_of(subject: Subject, course: Course, folder: Path) -> Plan:
    """Copies what a target consists of to a folder, with edited files. Returns its plan there."""
    for path in course.copied:
        if (course.folder / path).is_dir():
            shutil.copytree(
                course.folder / path, folder / path, dirs_exist_ok=True
            )  # with the compiled files of what is not edited
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(course.folder / path, folder / path)
    for name, text in subject.sources.items():
        (folder / name).write_text(text, encoding="utf-8")

    def moved(path: Path) -> Path:
        copy = folder / path.relative_to(course.folder) if path.is_relative_to(course.folder) else path
        return copy if copy.exists() else path

    plan = course.plans[subject.target]
    started = course.served if subject.in_processes else plan.target_config
    return replace(
        plan,
        target_config=started.model_copy(update={"cwd": moved(course.folder / started.cwd)}),
        schema=list(map(moved, plan.schema)),
        migrations=list(map(moved, plan.migrations)),
        logs=folder / "logs",
        seeks_failures=True,
    )


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


def in_order(files: Sequence[ScenarioFile], subject: Subject, crons: Mapping[str, CronConfig]) -> list[ScenarioFile]:
    """Returns the scenarios of the implementation's crons: those with the check that must catch it
    first, then by cost. Slow scenarios are left out.
    """
    concerned = [file for file in files if not subject.crons or concerns(file, subject.crons, crons)]
    if subject.kind == "saboteur":
        concerned = [file for file in concerned if not (file.scenario.slow and file.scenario.test == "remaining")]
    else:  # the remaining crons are compared as a whole, by `cronproof risks`
        concerned = [file for file in concerned if not (file.scenario.slow or file.scenario.test == "remaining")]
    if subject.in_processes:  # they take longer, and differ only in what runs at once or dies
        concerned = [file for file in concerned if file.scenario.test in {"race", "faults"}]
    if not subject.meets_faults:
        concerned = [file for file in concerned if file.scenario.test != "faults"]
    if subject.is_explained:
        concerned = [file for file in concerned if file.scenario.test in {"functions", "rules", "retry"}]

    def rank(file: ScenarioFile) -> tuple[bool, int]:
        checks = file.scenario.checks
        has_proving_check = any(check.id == subject.proves for check in checks)
        has_many_orders = any(check.depends_on_query_plan for check in checks)
        return not has_proving_check, _COST.index("query plans" if has_many_orders else file.scenario.test)

    return sorted(concerned, key=rank)


def concerns(file: ScenarioFile, changed: Sequence[str], crons: Mapping[str, CronConfig]) -> bool:
    """Whether a scenario calls one of the changed crons, or one that calls it, or checks its claim function."""
    of_changed = [crons[cron] for cron in changed if cron in crons]
    when = file.scenario.when
    if when is not None:
        return bool(set(when.call) & {*changed, *(cron.called_by for cron in of_changed)})
    functions = [check.function for check in file.scenario.checks if isinstance(check, RpcPresent | RpcGuarded)]
    return any(cron.claims_by in functions for cron in of_changed)
