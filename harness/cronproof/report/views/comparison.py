"""The comparison of two runs in Markdown."""

from collections.abc import Iterator, Mapping, Sequence

from cronproof.report.data.comparison import Change, Changes
from cronproof.report.views.table import Code, cell


def render_comparison(changes: Changes) -> Iterator[str]:
    """Renders the comparison."""
    before, after = changes.before, changes.after
    yield f"# {cell(Code(after.id))} against {cell(Code(before.id))}"
    yield ""
    yield f"{before.verdict} then, {after.verdict} now; {before.seconds:.1f} s then, {after.seconds:.1f} s now."
    named: Mapping[str, Sequence[Change]] = {
        "New failures": changes.failures,
        "Coverage lost": changes.lost,
        "Outcomes that appeared": changes.outcomes,
        "Fixed": changes.fixed,
        "Coverage gained": changes.gained,
        "Slower": changes.slower,
    }
    for heading, ones in named.items():
        yield from ("", f"## {heading}", "")
        yield from [f"- {cell(Code(scenario))}: {cell(what)}" for scenario, what in ones] or ["None."]
