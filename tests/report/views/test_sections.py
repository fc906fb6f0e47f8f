"""The content of a report, section by section."""

from dataclasses import replace

import pytest

from cronproof.engine.evaluate import CheckResult
from cronproof.engine.results import ScenarioResult
from cronproof.engine.timeline import Broken, Moment, Timeline
from cronproof.report.views import sections
from tests.support.documents import RESULT, documented

PASSING = replace(RESULT, checks=[CheckResult("exclusive", "PASS", "fine"), CheckResult("egress", "PASS", "none")])
UNSURE = replace(RESULT, checks=[PASSING.checks[0], RESULT.checks[1]])


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ([PASSING], "the only scenario holds"),
        ([PASSING, PASSING], "all 2 scenarios hold"),
        ([PASSING, RESULT, UNSURE], "1 failed and 1 proved nothing of 3 scenarios"),
        ([UNSURE], "1 proved nothing of 1 scenario"),
    ],
)
def test_the_verdict_is_a_sentence(results: list[ScenarioResult], sentence: str) -> None:
    assert sections.sentence(documented(*results)) == sentence


def test_a_section_has_the_worst_verdict_of_its_scenarios() -> None:
    (section,) = sections.make_sections(documented(PASSING, RESULT))

    assert (section.id, section.verdict, len(section.scenarios), section.executions) == ("rules", "FAIL", 2, 2)


def test_each_check_that_did_not_pass_is_listed_with_its_order() -> None:
    found = [(verdict, name) for _, verdict, name, _ in sections.failures(documented(RESULT, PASSING))]

    assert found == [("FAIL", "exclusive (step-by-step)"), ("INCONCLUSIVE", "egress")]


def test_a_run_is_repeated_from_its_commit_and_folder() -> None:
    document = documented(RESULT)
    elsewhere = document.model_copy(update={"directory": "app"})
    unknown = document.model_copy(update={"commit": "unknown: no git"})

    assert sections.repeat(elsewhere) == [f"git checkout {'0' * 40}", "cd app", "cronproof verify"]
    assert sections.repeat(unknown) == ["cronproof verify"]


def test_what_breaks_at_the_last_step_may_show_later() -> None:
    moments = [Moment("A", "claim", []), Moment("A", "send", [])]

    shown = [
        sections.shows_later(Timeline(["A"], moments, broken))
        for broken in (None, Broken("x", "", 0), Broken("x", "", 1))
    ]

    assert shown == [False, False, True]
