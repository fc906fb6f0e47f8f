"""Converts the results of a run to its document, without secrets."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.checks.rpc_present import RpcPresent
from cronproof.domain.work import Unit, Work, in_order
from cronproof.engine.results import ScenarioResult
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Verdict, worst
from cronproof.paths import display_path
from cronproof.redaction import cut, redacted
from cronproof.report.data.document import (
    VERSION,
    CheckEntry,
    ClaimEntry,
    Document,
    ExecutionEntry,
    FunctionEntry,
    KnownEntry,
    OutputEntry,
    ResponseEntry,
    ScenarioEntry,
    UnitEntry,
    WaitEntry,
)
from cronproof.report.data.provenance import Provenance
from cronproof.report.data.risk import measure_risks

RESPONSE_CHARACTERS = 400
AS_IT_IS = frozenset({"data", "sha256"})
"""Keys whose values are not redacted, since they are replayed or compared."""


def record(
    about: Provenance, results: Sequence[ScenarioResult], folder: Path, secrets: Collection[str] = ()
) -> Document:
    """Makes the document of a run. `folder` has its counterexamples; `secrets` are redacted."""
    document = Document(
        version=VERSION,
        id=folder.name,
        verdict=worst([result.verdict for result in results]),
        **vars(about),
        interrupted=any(result.interrupted for result in results),
        scenarios=[_scenario(result, folder) for result in results],
        risks=measure_risks(
            [one for one in results if one.file.scenario.test == "remaining"],
            [cron for cron, reported in about.crons.items() if reported is not None],
        ),
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
    places = {id(one): display_path(folder / name) for name, one in result.counterexamples}
    limits = [known.counterexample.known for known in result.known] + [one.known for one in result.message_outcomes]
    if not result.is_explored:  # then there is little evidence
        limits += [reason for one in result.evidence for finding in one.findings for reason in finding.known]
    executions = {(one.order, one.is_explored): one for one in result.evidence if scenario.when is not None}
    # For faults there is the truth table.
    is_needed = file.pair is None and not any(one.injected_faults for one in result.evidence)
    return ScenarioEntry(
        id=file.id,
        file=display_path(file.source.file),
        line=file.source.mistake(["title"], "").line,
        title=scenario.title,
        why=scenario.why,
        test=scenario.test,
        verdict=result.verdict,
        reason=result.reason,
        instances=[] if scenario.when is None else scenario.when.instance_list,
        unit=result.evidence[0].any_unit if result.evidence else "unit",
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
        executions=[_execution(one, result) for one in executions.values()] if is_needed else [],
        functions=list(_functions(result)),
        faults=result.message_outcomes or None,
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
        output=[
            OutputEntry(instance=one.instance, file=display_path(one.file), lines=one.lines) for one in result.output
        ],
    )


def _execution(evidence: Evidence, result: ScenarioResult) -> ExecutionEntry:
    failed = {check.order for check in result.checks if check.verdict != "PASS"}
    claims = {
        i.name: in_order({write.unit for write in evidence.claim_writes if write.instance == i.name and write.is_set})
        for i in evidence.instances
    }
    is_retry = result.file.scenario.test == "retry"
    units = [(work, unit) for work in evidence.works for unit in evidence.units[work.name].values()] if is_retry else []
    return ExecutionEntry(
        order=evidence.order,
        explored=evidence.is_explored,
        responses=[
            ResponseEntry(
                instance=one.instance,
                status=one.status,
                body=cut(json.dumps(one.body, separators=(",", ":"), ensure_ascii=False), RESPONSE_CHARACTERS),
            )
            for one in evidence.responses
        ],
        claims=[ClaimEntry(instance=name, units=claimed) for name, claimed in claims.items()],
        accepted=len([sent for sent in evidence.accepted if not sent.recovering]),
        waits=[WaitEntry(instance=wait.instance, blockers=wait.blockers) for wait in evidence.waits],
        units=[_unit(work, unit, evidence) for work, unit in units],
        steps=[str(step) for step in evidence.steps] if evidence.order in failed and not evidence.is_explored else [],
    )


def _unit(work: Work, unit: Unit, evidence: Evidence) -> UnitEntry:
    state = evidence.state_of(work, unit.id)
    claim: Literal["set", "empty", "deleted"] = "deleted" if state is None else "set" if state.claimed else "empty"
    tried = [sent for sent in evidence.sent if unit.id in evidence.units_for(work, sent)]
    return UnitEntry(
        unit=unit.id,
        answers=[sent.message.status for sent in tried if not sent.recovering],
        claim=claim,
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
