"""The sign-off report in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from cronproof.report.data.document import Document
from cronproof.report.views import fault_matrix, sections
from cronproof.report.views.interleavings import draw_timeline
from cronproof.report.views.sections import Section
from cronproof.report.views.table import Code, Table, cell, table

TITLE = "# Cron verification: sign-off report"


def render(document: Document) -> str:
    """Renders the report."""
    return "\n".join(_lines(document)) + "\n"


def head(document: Document) -> str:
    """Renders its beginning: the verdict, and what did not pass."""
    return "\n".join(_head(document)) + "\n"


def _head(document: Document) -> Iterator[str]:
    yield TITLE
    yield ""
    yield f"**Verdict:** {document.verdict}  "
    yield f"**Target:** {cell(document.target)}{f': {document.target_is}' if document.target_is else ''}  "
    yield f"**Verified:** {document.started.isoformat()} in {document.seconds:.1f} s  "
    yield f"**Commit:** {document.commit}{' with uncommitted changes' * bool(document.dirty)}"
    yield from _section("Summary", _table(sections.summary(document)))
    failures = [
        f"- **{verdict}** {cell(Code(scenario.id))} {check}: {cell(message)}"
        for scenario, verdict, check, message in sections.failures(document)
    ]
    yield from _section("What did not pass", failures)


def _lines(document: Document) -> Iterator[str]:
    yield from _head(document)
    for section in sections.make_sections(document):
        yield from _section(section.heading, _body(section))
    yield from _section("What is not covered", _gaps(document))
    yield from _section("What was verified", _provenance(document))


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    body = list(lines)
    if body:
        yield from ("", f"## {heading}", "", *body)


def _body(section: Section) -> Iterator[str]:
    for one in section.tables:
        yield from (*_table(one), "")
    for scenario in section.scenarios:
        if section.id == "faults" and scenario.faults is not None:
            yield from (f"### {cell(scenario.title)}", "")
            for one in sections.fault_tables(scenario.faults):
                yield from (*_table(one), "") if one.rows else ()
            yield from (cell(fault_matrix.LEGEND), "")
        timeline = scenario.timeline
        if timeline is not None and timeline.broken is not None:
            yield f"{cell(Code(scenario.id))}: {cell(timeline.title)}:"
            yield from ("", *_fenced(list(draw_timeline(timeline))), "")
    for scenario in section.listed_scenarios:
        checks = ", ".join(check.id for check in scenario.checks)
        yield f"- **{scenario.verdict}** {cell(scenario.title)} ({checks})"


def _fenced(lines: Sequence[str]) -> list[str]:
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return [f"{fence}text", *lines, fence]


def _gaps(document: Document) -> Iterator[str]:
    for gap, about in sections.gaps(document):
        yield f"- {cell(gap)}"
        yield from (f"  - {cell(one)}" for one in about)
    yield from (f"- {sentence}" for sentence in sections.ALWAYS)
    yield ""
    yield from _table(sections.coverage(document))


def _provenance(document: Document) -> Iterator[str]:
    for name, value in sections.provenance(document):
        yield f"- {name}: {cell(value)}"
    yield from (
        "",
        "To do it again:" + f" {sections.CHANGED}" * bool(document.dirty),
        "",
        *_fenced(sections.repeat(document)),
        "",
    )
    yield from _table(sections.digests(document))


def _table(one: Table) -> Iterator[str]:
    if one.title:
        yield from (cell(one.title), "")
    yield from table(one.head, one.rows)
