"""Results as a document: the one place where what was seen becomes what is reported. Secrets end here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from cronproof.checks import Verdict
from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.checks.rpc_present import RpcPresent
from cronproof.engine.results import ScenarioResult, worst
from cronproof.engine.scenario_runner import examine
from cronproof.evidence.evidence import Job, Run, in_order
from cronproof.redaction import cut, redacted
from cronproof.report.data import risk_table
from cronproof.report.data.document import (
    VERSION,
    CheckEntry,
    ClaimEntry,
    Document,
    FunctionEntry,
    JobEntry,
    KnownEntry,
    OutputEntry,
    ResponseEntry,
    RunEntry,
    ScenarioEntry,
    WaitEntry,
)
from cronproof.report.data.provenance import Provenance, shown

RESPONSE_CHARACTERS = 400
AS_IT_IS = frozenset({"data", "sha256"})
"""What is to be replayed, or compared: nothing is looked for in it."""


def record(
    about: Provenance, results: Sequence[ScenarioResult], folder: Path, secrets: Collection[str] = ()
) -> Document:
    """The document of a run whose counterexamples are in a folder. None of the `secrets` is in it."""
    document = Document(
        version=VERSION,
        id=folder.name,
        verdict=worst([result.verdict for result in results]),
        **vars(about),
        interrupted=any(result.interrupted for result in results),
        scenarios=[_scenario(result, folder) for result in results],
        remaining=risk_table.measured([one for one in results if one.file.scenario.test == "remaining"]),
    )
    data = document.model_dump(exclude_none=True)
    return Document.model_validate(_redacted(data, sorted(secrets, key=len, reverse=True)))


def _redacted(value: Any, secrets: Sequence[str]) -> Any:
    match value:
        case str():
            legible = value.encode(errors="backslashreplace").decode()  # a file's name need not be UTF-8
            return redacted(legible, secrets)
        case Mapping():
            of_counterexample = "schedule" in value and "migrations" in value
            kept = AS_IT_IS | {"schedule"} if of_counterexample else AS_IT_IS
            return {key: one if key in kept else _redacted(one, secrets) for key, one in value.items()}
        case list() | tuple():
            return [_redacted(one, secrets) for one in value]
        case _:
            return value


def _scenario(result: ScenarioResult, folder: Path) -> ScenarioEntry:
    file, scenario = result.file, result.file.scenario
    places = {id(one): shown(folder / name) for name, one in result.counterexamples}
    limits = [known.counterexample.known for known in result.known] + [one.known for one in result.consequences]
    if not result.is_explored:  # then runs are few
        limits += [one for run in result.runs for check in scenario.checks for one in examine(check, run).known]
    runs = {(run.order, run.is_explored): run for run in result.runs if scenario.when is not None}
    is_needed = file.pair is None and not any(run.met for run in result.runs)  # of faults there is the truth table
    return ScenarioEntry(
        id=file.id,
        file=shown(file.source.file),
        line=file.source.mistake(["title"], "").line,
        title=scenario.title,
        why=scenario.why,
        test=scenario.test,
        verdict=result.verdict,
        reason=result.reason,
        instances=[] if scenario.when is None else scenario.when.instance_list,
        pair=file.pair,
        checks=[
            CheckEntry(
                id=check.id,
                verdict=check.verdict,
                message=check.message,
                order=check.order,
                line=file.source.mistake(("then", number), "").line,
            )
            for number, check in enumerate(result.checks)
        ],
        exploration=result.exploration,
        played=result.played,
        runs=[_run(run, result) for run in runs.values()] if is_needed else [],
        functions=list(_functions(result)),
        faults=result.consequences or None,
        counterexample=None if result.counterexample is None else places[id(result.counterexample)],
        schedule=result.counterexample,
        timeline=result.timeline,
        passing=result.passing,
        known=[
            KnownEntry(
                reason=one.counterexample.known or "",
                message=one.counterexample.message,
                counterexample=places[id(one.counterexample)],
                schedule=one.counterexample,
                timeline=one.timeline,
            )
            for one in result.known
        ]
        or None,
        limits=list(dict.fromkeys(reason for reason in limits if reason)),
        output=[OutputEntry(instance=one.instance, file=shown(one.file), lines=one.lines) for one in result.output],
    )


def _run(run: Run, result: ScenarioResult) -> RunEntry:
    failed = {check.order for check in result.checks if check.verdict != "PASS"}
    claims = {
        i.name: in_order({mark.job_id for mark in run.marks if mark.instance == i.name and mark.is_set})
        for i in run.instances
    }
    return RunEntry(
        order=run.order,
        explored=run.is_explored,
        responses=[
            ResponseEntry(
                instance=one.instance,
                status=one.status,
                body=cut(json.dumps(one.body, separators=(",", ":"), ensure_ascii=False), RESPONSE_CHARACTERS),
            )
            for one in run.responses
        ],
        claims=[ClaimEntry(instance=name, jobs=jobs) for name, jobs in claims.items()],
        accepted=len([sent for sent in run.accepted if not sent.recovering]),
        waits=[WaitEntry(instance=wait.instance, blockers=wait.blockers) for wait in run.waits],
        jobs=[_job(job, run) for job in run.jobs.values()] if result.file.scenario.test == "retry" else [],
        steps=[str(step) for step in run.steps] if run.order in failed and not run.is_explored else [],
    )


def _job(job: Job, run: Run) -> JobEntry:
    row = next((row for row in run.after.get("jobs", []) if row["id"] == job.id), None)
    mark: Literal["set", "empty", "deleted"] = "deleted"
    if row is not None:
        mark = "set" if any(row[column] for column in row if column.endswith("_sent_at")) else "empty"
    tried = [sent for sent in run.sent if sent.message.to == job.phone]
    return JobEntry(
        job=job.id,
        answers=[sent.message.status for sent in tried if not sent.recovering],
        mark=mark,
        answers_later=[sent.message.status for sent in tried if sent.recovering],
    )


def _functions(result: ScenarioResult) -> Iterator[FunctionEntry]:
    asked = list(zip(result.file.scenario.checks, result.checks, strict=True))
    guarded: dict[str, Verdict] = {c.function: said.verdict for c, said in asked if isinstance(c, RpcGuarded)}
    for check, said in asked:
        if isinstance(check, RpcPresent):
            yield FunctionEntry(
                function=check.function, present=said.verdict == "PASS", guarded=guarded.get(check.function)
            )
