"""Markdown."""

from dataclasses import replace
from typing import Any

from cronproof.domain.instance import Instance
from cronproof.engine.evaluate import CheckResult
from cronproof.evidence.evidence import Evidence
from cronproof.report.views import markdown
from cronproof.scenario.scenario import Scenario
from tests.support.documents import RESULT, SCENARIO, documented
from tests.support.evidence import JOBS, after, run


def test_markdown_names_what_did_not_pass_and_what_was_verified() -> None:
    report = markdown.render(documented(RESULT))

    assert "**Verdict:** FAIL" in report
    assert "- **FAIL** `folder/hostile` exclusive (step-by-step): \\</x> &" in report
    assert "\\|pipe\\|" in report
    for fact in (
        "PostgreSQL 18.6, embedded",
        "- Seed: 7",
        "| sql/06-cron-locking.sql | `aaaaaaaaaaaaaaaa` |",
        "in 1.2 s",
    ):
        assert fact in report


def test_markdown_says_of_each_function_what_was_said_of_it() -> None:
    present: list[Any] = [{"rpc-present": {"function": name, "arguments": [], "returns": []}} for name in ("f", "g")]
    guarded = {"rpc-guarded": {"function": "g"}}
    scenario = Scenario.model_validate({"title": "t", "why": "w", "test": "functions", "then": [*present, guarded]})
    said = [
        CheckResult("rpc-present", "FAIL", ""),
        CheckResult("rpc-present", "PASS", ""),
        CheckResult("rpc-guarded", "PASS", ""),
    ]

    report = markdown.render(documented(replace(RESULT, file=replace(RESULT.file, scenario=scenario), checks=said)))

    assert "| `f` | **No** | not asked |" in report
    assert "| `g` | **Yes** | PASS |" in report


def test_markdown_takes_a_retry_without_a_call_or_with_a_job_that_is_gone() -> None:
    scenario = SCENARIO.model_copy(update={"test": "retry"})
    runs = [
        run(order="1", instances=[Instance("A", "post-job-followup")], before=after(JOBS[0]), after=after(), sent=[])
    ]

    report = markdown.render(
        documented(
            replace(RESULT, file=replace(RESULT.file, scenario=scenario), evidence=[*runs, Evidence(order="catalog")])
        )
    )

    assert "| post-job-followup | job 32 | not tried | deleted | not tried |" in report
