"""The table of the remaining crons."""

from cronproof.report.data.risk import MeasuredRisk
from cronproof.report.views.risk_table import HEAD, compare_targets, make_rows
from tests.support.documents import RESULT, documented
from tests.support.reference import REPORTED_RISKS

BAD = MeasuredRisk("ghl-followups", 40, {"duplicate": 3}, 12, {"lost": 1}, ("A6 B7", "ghl.counterexample.yaml"))
GOOD = MeasuredRisk("crew-briefing", 10, {}, 5, {})


def test_each_cron_has_what_was_reported_and_what_was_measured() -> None:
    (bad, good) = make_rows([BAD, GOOD], REPORTED_RISKS)

    assert len(bad) == len(good) == len(HEAD)
    assert bad[:2] == ("ghl-followups", REPORTED_RISKS["ghl-followups"])
    assert (bad[2], bad[3], bad[4], bad[5]) == (40, "duplicate in 3", 12, "lost in 1")
    assert (good[3], good[5], good[6]) == ("none", "none", "none")


def test_targets_stand_below_one_another() -> None:
    documents = {
        name: documented(RESULT).model_copy(update={"risks": [BAD], "crons": REPORTED_RISKS})
        for name in ("before", "after")
    }

    head, _, first, second = list(compare_targets(documents))

    assert head.startswith("| Cron | Target | Schedules |")
    assert first.startswith("| ghl-followups (the report: Medium: still to be investigated) | before | 40 |")
    assert second.startswith("|  | after | 40 |")
    assert "[`A6 B7`](after/ghl.counterexample.yaml)" in second
