"""The comparison of two runs in Markdown."""

from cronproof.report.data.comparison import Changes
from cronproof.report.views.comparison import render_comparison
from tests.support.documents import RESULT, documented


def test_what_changed_stands_under_its_heading_and_none_where_nothing_did() -> None:
    before = documented(RESULT)
    changes = Changes(before, before, failures=[("3-race/x", "no-loss: *lost*")])

    lines = list(render_comparison(changes))

    assert lines[0] == f"# `{before.id}` against `{before.id}`"
    assert lines[2] == "FAIL then, FAIL now; 1.2 s then, 1.2 s now."
    assert lines[lines.index("## New failures") + 2] == r"- `3-race/x`: no-loss: \*lost\*"
    assert lines[lines.index("## Fixed") + 2] == "None."
