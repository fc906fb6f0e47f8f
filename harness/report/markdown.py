"""The sign-off report: the tables of the hand-made one, filled with what was seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from harness.checks.rpc_guarded import RpcGuarded
from harness.checks.rpc_present import RpcPresent
from harness.evidence import Run, in_order
from harness.report import matrix, remaining
from harness.report.interleavings import drawn, which
from harness.report.parts import PARTS
from harness.report.provenance import Provenance
from harness.report.table import cell, table
from harness.results import ScenarioResult, worst

TITLE = "# Cron verification: sign-off report"
DIGEST_CHARACTERS = 16

RESPONSE_CHARACTERS = 400


def render(provenance: Provenance, results: Sequence[ScenarioResult], seconds: float) -> str:
    """The report's text, in Markdown."""
    return "\n".join(_lines(provenance, results, seconds)) + "\n"


def _lines(provenance: Provenance, results: Sequence[ScenarioResult], seconds: float) -> Iterator[str]:
    yield TITLE
    yield ""
    yield f"**Verdict:** {worst([result.verdict for result in results])}  "
    yield f"**Target:** {provenance.target}  "
    yield f"**Verified:** {provenance.started.isoformat()} in {seconds:.1f} s  "
    yield f"**Commit:** {provenance.commit}"
    yield from _section("Summary", table(("Test", "Scenarios", "Runs", "Result"), _summary(results)))
    yield from _section("What did not pass", _failures(results))
    for part, heading in PARTS.items():
        of_part = [result for result in results if result.file.scenario.test == part]
        if of_part:
            alone = [result for result in of_part if result.file.pair is None]  # of pairs there is a line already
            yield from _section(heading, [*_EVIDENCE[part](of_part), "", *_verdicts(alone)])
    yield from _section("What was verified", _provenance(provenance))


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    body = list(lines)
    if body:
        yield from ("", f"## {heading}", "", *body)


def _cut(text: str) -> str:
    """A response as far as it is read: a page of HTML is no answer of a cron."""
    return text if len(text) <= RESPONSE_CHARACTERS else text[: RESPONSE_CHARACTERS - 1] + "…"


def _code(value: object) -> str:
    return f"`{value}`"


def _summary(results: Sequence[ScenarioResult]) -> Iterator[Sequence[object]]:
    for part, heading in PARTS.items():
        of_part = [result for result in results if result.file.scenario.test == part]
        if of_part:
            verdict = worst([result.verdict for result in of_part])
            yield heading, len(of_part), sum(result.played for result in of_part), f"**{verdict}**"


def _failures(results: Sequence[ScenarioResult]) -> Iterator[str]:
    for result in results:
        for check in result.checks:
            if check.verdict != "PASS":
                order = f" ({check.order})" if check.order else ""
                yield f"- **{check.verdict}** {_code(result.file.id)} {check.id}{order}: {cell(check.message)}"


def _verdicts(results: Sequence[ScenarioResult]) -> Iterator[str]:
    for result in results:
        checks = ", ".join(check.id for check in result.checks)
        yield f"- **{result.verdict}** {result.file.scenario.title} ({checks})"


def _functions(results: Sequence[ScenarioResult]) -> Iterator[str]:
    rows = []
    for result in results:
        asked = list(zip(result.file.scenario.checks, result.checks, strict=True))
        guarded = {check.function: said.verdict for check, said in asked if isinstance(check, RpcGuarded)}
        for check, said in asked:
            if isinstance(check, RpcPresent):
                present = "**Yes**" if said.verdict == "PASS" else "**No**"
                rows.append((_code(check.function), present, guarded.get(check.function, "not asked")))
    return table(("Function", "Present as expected", "Guarded"), rows)


def _responses(results: Sequence[ScenarioResult]) -> Iterator[str]:
    rows = []
    for run in _runs(results):
        crons = {instance.name: instance.cron for instance in run.instances}
        rows += [
            (crons[response.instance], response.status, _code(_cut(json.dumps(response.body, separators=(",", ":")))))
            for response in run.responses
        ]
    return table(("Cron", "Status", "Response"), rows)


def _race(results: Sequence[ScenarioResult]) -> Iterator[str]:
    rows = []
    for result in results:
        for run in result.runs:
            order = f"one of the schedules, {run.order}" if run.is_explored else run.order
            claims = [f"{instance.name}: {_claimed(run, instance.name)}" for instance in run.instances]
            waits = [f"{wait.instance} for {' and '.join(wait.blockers)}" for wait in run.waits]
            accepted = len([sent for sent in run.accepted if not sent.recovering])
            rows.append((result.file.id, order, "; ".join(claims), accepted, ", ".join(waits) or "none"))
    yield from table(("Scenario", "Order", "Jobs claimed", "SMS accepted", "Lock waits"), rows)
    yield from _interleavings([result for result in results if result.is_explored])


def _interleavings(results: Sequence[ScenarioResult]) -> Iterator[str]:
    if not results:
        return
    rows = [
        (result.file.id, e.schedules, which(e), e.distinct_outcomes, e.blocked_waits)
        for result in results
        for e in [result.exploration]
    ]
    yield ""
    yield from table(("Scenario", "Schedules", "Which", "Distinct outcomes", "Lock waits"), rows)
    for result in results:
        timeline = result.timeline
        if timeline is not None and timeline.broken is not None:
            yield from ("", f"The shortest schedule of {_code(result.file.id)} that fails {timeline.broken.check}:", "")
            yield from ("```text", *drawn(timeline), "```")


def _retry(results: Sequence[ScenarioResult]) -> Iterator[str]:
    rows = []
    for run in _runs(results):
        marks = {
            row["id"]: "set" if any(row[c] for c in row if c.endswith("_sent_at")) else "**NULL**"
            for row in run.after.get("jobs", [])
        }
        for job in run.jobs.values():
            tried = [sent for sent in run.sent if sent.message.to == job.phone]
            answers = {
                again: ", ".join(str(sent.message.status) for sent in tried if sent.recovering is again) or "not tried"
                for again in (False, True)
            }
            rows.append(
                (run.instances[0].cron, f"job {job.id}", answers[False], marks.get(job.id, "deleted"), answers[True])
            )
    return table(("Cron", "Job", "OpenPhone answered", "`*_sent_at` afterwards", "Next runs"), rows)


def _faults(results: Sequence[ScenarioResult]) -> Iterator[str]:
    for result in results:
        consequences = result.consequences
        yield from ("", f"### {result.file.scenario.title}", "")
        yield from table(
            ("Point", *matrix.HEADINGS.values()), [(_code(name), *cells) for name, cells in matrix.rows(consequences)]
        )
        for point, by_cell in matrix.of_calls(consequences):
            yield from ("", f"At {_code(point)}:", "")
            yield from table(("Outcome", "Faults"), [(what, ", ".join(faults)) for what, faults in by_cell.items()])
        known = dict.fromkeys((one.faults[0].fault, one.known) for one in consequences if one.known)
        yield from ["", *(f"- Known, {_code(fault)}: {reason}" for fault, reason in known)] if known else []
        yield from ("", matrix.LEGEND, "")


def _remaining(results: Sequence[ScenarioResult]) -> Iterator[str]:
    yield from table(remaining.HEAD, remaining.rows(results))
    if limits := list(remaining.limits(results)):
        yield from ("", "Known limits, each with the shortest schedule that shows it:", "", *limits)
    if pairs := list(remaining.pairs(results)):
        yield ""
        yield from table(("At once", "and", "Schedules", "How they interfere"), pairs)


def _nothing(_: Sequence[ScenarioResult]) -> Iterator[str]:
    return iter(())


_EVIDENCE: dict[str, Callable[[Sequence[ScenarioResult]], Iterator[str]]] = {
    "functions": _functions,
    "responses": _responses,
    "race": _race,
    "retry": _retry,
    "rules": _nothing,
    "roles": _responses,
    "faults": _faults,
    "remaining": _remaining,
}


def _runs(results: Sequence[ScenarioResult]) -> Iterator[Run]:
    for result in results:
        yield from result.runs


def _claimed(run: Run, instance: str) -> str:
    jobs = in_order({mark.job_id for mark in run.marks if mark.instance == instance and mark.is_set})
    return f"**{len(jobs)}** (job {', '.join(map(str, jobs))})" if jobs else "**0**"


def _provenance(provenance: Provenance) -> Iterator[str]:
    yield f"- Command: {_code(provenance.command)}"
    yield f"- Postgres: {provenance.postgres}"
    yield f"- cronproof {provenance.harness}, Python {provenance.python}, {provenance.system}, seed {provenance.seed}"
    if provenance.left_out:
        yield f"- Left out: {provenance.left_out} slow scenarios, which `--slow` runs, too"
    yield ""
    digests = [*provenance.migrations, *provenance.scenarios]
    yield from table(("File", "SHA-256, its beginning"), [(file, _code(d[:DIGEST_CHARACTERS])) for file, d in digests])
