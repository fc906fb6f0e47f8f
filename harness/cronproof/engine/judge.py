"""Judges an execution: evaluates the checks, after a recovery if one needs it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import psycopg

from cronproof.checks.check import Check
from cronproof.engine import collect, recovery
from cronproof.engine.evaluate import evaluate
from cronproof.engine.rig import Rig
from cronproof.evidence.evidence import Evidence
from cronproof.explore.quiescence import NotAtRest
from cronproof.scenario.when import When


@dataclass
class _Recoveries:
    """What all recoveries of one execution have come to together."""

    rounds: list[int] = field(default_factory=list)
    """How many messages had been tried before each round."""
    still_refused: set[recovery.Tried] = field(default_factory=set)
    """What was tried in vain to the last, before the services accepted again."""
    put_off: set[recovery.Tried] = field(default_factory=set)
    """What was refused, and may be tried later."""


async def judge(rig: Rig, when: When, checks: Sequence[Check], evidence: Evidence, elapsed: timedelta) -> Evidence:
    """Evaluates the checks, after a recovery if one needs it. `elapsed` is how far time was shifted.

    Where the scenario does not say when the crons are due again, the recovery calls them at once.
    A guard may forbid that, so what is missing then may still come an hour after the last run.
    """
    if evidence.inconclusive_reason is not None or not any(check.needs_recovery for check in checks):
        return evaluate(checks, evidence)
    recover = partial(_recover, rig, when, checks, evidence, _Recoveries())
    recovered = await recover(period=when.period, elapsed=elapsed)
    judged = evaluate(checks, recovered)
    pairs = list(zip(checks, judged.findings, strict=True))
    if (
        when.period
        or judged.inconclusive_reason is not None
        or judged.did_not_settle is not None
        or all(finding.verdict == "PASS" or not check.may_change_in_recovery for check, finding in pairs)
    ):
        return judged
    recovered = await recover(period=recovery.LONGEST_CLAIM, only_written=True)
    later = evaluate(checks, recovered)
    if later.inconclusive_reason is not None or later.did_not_settle is not None:
        return judged
    findings = [
        new if old.verdict == "INCONCLUSIVE" or (old.verdict == "FAIL" and check.may_change_in_recovery) else old
        for (check, old), new in zip(pairs, later.findings, strict=True)
    ]
    return replace(later, findings=findings, anomalies=judged.anomalies)


async def _recover(
    rig: Rig,
    when: When,
    checks: Sequence[Check],
    evidence: Evidence,
    all_recoveries: _Recoveries,
    *,
    period: timedelta,
    elapsed: timedelta = timedelta(),
    only_written: bool = False,
) -> Evidence:
    """Returns the evidence with what a recovery has come to. What it saw is added to what earlier ones have seen."""
    try:
        recovered = await recovery.recover(
            rig,
            when.instance_list,
            evidence.after,
            method=when.method,
            period=period,
            elapsed=elapsed,
            only_written=only_written,
            counts_attempts=any(check.counts_attempts for check in checks),
        )
    except TimeoutError:
        await rig.terminate()
        reason = f"a cron that ran again had not ended after {recovery.CALL_SECONDS:g} s"
        return replace(evidence, inconclusive_reason=reason)
    except NotAtRest as error:
        return replace(evidence, inconclusive_reason=str(error))
    except psycopg.errors.LockNotAvailable:
        return replace(evidence, inconclusive_reason="time cannot pass: an instance keeps rows locked after its call")
    all_recoveries.rounds += recovered.rounds
    all_recoveries.still_refused |= recovered.still_refused
    all_recoveries.put_off |= recovered.put_off
    unsettled = f"rows or messages still changed after {recovery.MAX_ROUNDS} more runs"
    return replace(
        evidence,
        sent=collect.collect_sent(rig, when.instance_list, all_recoveries.rounds),
        recovered=recovered.rows,
        units_recovered=recovered.units,
        still_tried=recovered.still_tried | all_recoveries.still_refused,
        put_off=frozenset(all_recoveries.put_off),
        inconclusive_reason=rig.take_stray(),
        did_not_settle=None if recovered.rows else unsettled,
    )
