"""Collects the evidence of an execution, once."""

import bisect
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronproof.checks.check import Query
from cronproof.domain.choice import Data
from cronproof.domain.database import Role, Rows
from cronproof.domain.instance import Instance
from cronproof.domain.message import SentMessage
from cronproof.domain.work import Units
from cronproof.engine.execution import Execution
from cronproof.engine.rig import Rig
from cronproof.evidence.evidence import ClaimWrite, Evidence
from cronproof.evidence.variation import mask
from cronproof.gate.trace import find_injected_faults
from cronproof.postgres.digest import Digest

Answers = Mapping[Any, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Before:
    """What there was before an execution."""

    rows: Rows
    units: Mapping[str, Units]
    queries: Sequence[Query] = ()
    """The queries to ask after the execution."""


async def look(rig: Rig, tables: Sequence[str], queries: Sequence[Query]) -> Before:
    """Looks at the rows of tables and at all units, before an execution."""
    return Before(await rig.database.rows(tables), await rig.database.units(), queries)


async def collect(
    rig: Rig, execution: Execution, *, order: str, role: Role, before: Before, data: Data, tables: Sequence[str]
) -> Evidence:
    """Collects the evidence, except what a recovery and the checks add."""
    digest = await rig.database.digest()
    after = await rig.database.rows(tables)
    units_after = await rig.database.units()
    answers = await ask(rig, before.queries)
    return Evidence(
        order=order,
        target=rig.target.name,
        application=rig.application,
        role=role,
        instances=execution.instances,
        responses=execution.ordered_responses(),
        steps=list(execution.trace.steps),
        waits=list(execution.trace.waits),
        errors=[error for proxy in rig.proxies for error in proxy.errors],
        sent=collect_sent(rig, execution.instances),
        blocked_calls=list(rig.services.blocked_calls),
        claim_writes=_claim_writes(rig, execution, digest),
        before=before.rows,
        after=after,
        units=before.units,
        units_after=units_after,
        answers=answers,
        violations=dict(execution.invariants.violations),
        comparable=rig.database.comparable(after),
        functions=rig.database.catalog.functions,
        inconclusive_reason=execution.inconclusive_reason,
        never_reached=execution.never_reached,
        met_refusals=rig.services.met_refusals,
        key=find_key(rig, execution, digest, answers, data),
    )


def collect_sent(rig: Rig, instances: Sequence[Instance], rounds: Sequence[int] = ()) -> list[SentMessage]:
    """Returns the tried messages. `rounds`: how many were tried before each round of the recovery."""
    crons = {instance.name: instance.cron for instance in instances}
    return [
        SentMessage(
            message.cron or crons.get(message.instance, "an unknown cron"),
            message,
            bisect.bisect_right(rounds, number),
        )
        for number, message in enumerate(rig.services.messages)
    ]


async def ask(rig: Rig, queries: Sequence[Query]) -> Answers:
    """Returns the rows that queries find, by query."""
    return {query: await rig.database.ask(query) for query in queries}


def find_key(rig: Rig, execution: Execution, digest: Digest, answers: Answers, data: Data) -> str:
    """Returns a hash of everything that checks and later calls can depend on, and keeps it all."""
    trace = execution.trace
    execution.outcome = {
        "data": data,
        "rows": digest.state,
        "claims": [[w.instance, w.unit, w.work, w.is_set, w.was_set] for w in _claim_writes(rig, execution, digest)],
        "messages": [
            {
                "from": [m.instance, m.cron, None if m.owners is None else sorted(m.owners)],
                "to": [m.service, m.to, m.status],
                "content": m.content,
                "more": dict(m.more),
            }
            for m in rig.services.messages
        ],
        "responses": {r.instance: {"status": r.status, "body": r.body} for r in execution.ordered_responses()},
        "waits": sorted([wait.instance, wait.point.text, *wait.blockers] for wait in trace.waits),
        "errors": [[error.instance, error.sqlstate] for proxy in rig.proxies for error in proxy.errors],
        "refused calls": [[call.instance, call.url] for call in rig.services.blocked_calls],
        "answers": list(answers.values()),
        "violations": {query: found.rows for query, found in execution.invariants.violations.items()},
        "faults": [str(fault) for fault in find_injected_faults(trace.steps)],
    }
    parts = mask(execution.outcome, rig.varying) if rig.varying else execution.outcome
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _claim_writes(rig: Rig, execution: Execution, digest: Digest) -> list[ClaimWrite]:
    owners = {pid: proxy.instance for proxy in rig.proxies for pid in proxy.all_pids}
    writers = [(execution.writers.get(w.id) or owners.get(w.backend_pid), w) for w in digest.claim_writes]
    return [ClaimWrite(name, w.unit, w.work, w.is_set, w.was_set) for name, w in writers if name is not None]
