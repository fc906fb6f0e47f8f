"""The formats on results made by hand, hostile titles among them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from harness.checks import Verdict
from harness.evidence import Instance, Run, Sent
from harness.explore.point import Point
from harness.explore.scheduler import Step
from harness.mocks.exchange import Message
from harness.report import document, junit, markdown, provenance, remaining
from harness.report.provenance import Provenance
from harness.report.terminal import Terminal
from harness.results import CheckResult, Exploration, ScenarioResult
from harness.scenario.model import Scenario
from harness.scenario.reader import ScenarioFile, Source

HOSTILE = '</x> & "quotes" [bold]|pipe|\x00\x1b\ufffe 🙂\nline'
SCENARIO = Scenario.model_validate(
    {
        "title": HOSTILE,
        "why": "w",
        "test": "rules",
        "when": {"call": "post-job-followup"},
        "then": ["exclusive", "egress"],
    }
)
RESULT = ScenarioResult(
    ScenarioFile(SCENARIO, Source(Path("scenarios/folder/hostile.yaml"), {})),
    [
        CheckResult("exclusive", "FAIL", HOSTILE, "step-by-step"),
        CheckResult("egress", "INCONCLUSIVE", "cannot tell"),
    ],
    [Run(order="step-by-step")],
    Exploration("overlaps", 1, exhausted=False, distinct_outcomes=1, blocked_waits=0, seconds=0.5),
)
ABOUT = Provenance(
    target="reference",
    postgres="PostgreSQL 18.6, embedded",
    commit="0" * 40,
    started=datetime(2026, 11, 23, tzinfo=UTC),
    seed=7,
    command="cronproof verify",
    migrations=[("sql/06-cron-locking.sql", "a" * 64)],
    scenarios=[("scenarios/folder/hostile.yaml", "b" * 64)],
)


def test_junit_is_xml_whatever_the_messages_hold() -> None:
    root = ET.fromstring(junit.render([RESULT]))  # noqa: S314  (our own text)
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("2", "1", "1")
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.attrib["message"].startswith('step-by-step: </x> & "quotes"')


def test_json_has_the_keys_that_others_rely_on() -> None:
    parsed = json.loads(document.as_json(ABOUT, [RESULT], {}))

    assert parsed.keys() >= {"verdict", "target", "postgres", "scenarios"}
    (scenario,) = parsed["scenarios"]
    assert scenario.keys() == {"id", "file", "title", "verdict", "reason", "checks", "exploration"}
    assert (scenario["id"], scenario["verdict"]) == ("folder/hostile", "FAIL")
    assert scenario["checks"][0] == {"id": "exclusive", "verdict": "FAIL", "message": HOSTILE, "order": "step-by-step"}
    assert "order" not in scenario["checks"][1]


def test_a_scenario_that_passes_has_no_reason() -> None:
    passed = replace(RESULT, checks=[CheckResult("egress", "PASS", "fine")])

    assert "reason" not in json.loads(document.as_json(ABOUT, [passed], {}))["scenarios"][0]


def test_markdown_names_what_did_not_pass_and_what_was_verified() -> None:
    report = markdown.render(ABOUT, [RESULT], 1.25)

    assert "**Verdict:** FAIL" in report
    assert "- **FAIL** `folder/hostile` exclusive (step-by-step): </x> &" in report
    assert "\\|pipe\\|" in report
    for fact in ("PostgreSQL 18.6, embedded", "seed 7", "| sql/06-cron-locking.sql | `aaaaaaaaaaaaaaaa` |", "in 1.2 s"):
        assert fact in report


def test_the_terminal_takes_markup_for_text() -> None:
    output = io.StringIO()
    terminal = Terminal(Console(file=output), "reference")

    terminal.finished(RESULT)
    terminal.summary([RESULT], 1.0)

    assert "[bold]|pipe|" in output.getvalue()
    assert "FAIL  exclusive" in output.getvalue()


def test_markdown_says_of_each_function_what_was_said_of_it() -> None:
    present: list[Any] = [{"rpc-present": {"function": name, "arguments": [], "returns": []}} for name in ("f", "g")]
    guarded = {"rpc-guarded": {"function": "g"}}
    scenario = Scenario.model_validate({"title": "t", "why": "w", "test": "functions", "then": [*present, guarded]})
    said = [
        CheckResult("rpc-present", "FAIL", ""),
        CheckResult("rpc-present", "PASS", ""),
        CheckResult("rpc-guarded", "PASS", ""),
    ]

    report = markdown.render(ABOUT, [replace(RESULT, file=replace(RESULT.file, scenario=scenario), checks=said)], 1)

    assert "| `f` | **No** | not asked |" in report
    assert "| `g` | **Yes** | PASS |" in report


def test_markdown_takes_a_retry_without_a_call_or_with_a_job_that_is_gone() -> None:
    scenario = SCENARIO.model_copy(update={"test": "retry"})
    job = {"id": 32, "phone_number": "+12125550132", "followup_sent_at": None}
    runs = [Run(order="1", instances=[Instance("A", "post-job-followup")], before={"jobs": [job]}, after={"jobs": []})]

    report = markdown.render(
        ABOUT, [replace(RESULT, file=replace(RESULT.file, scenario=scenario), runs=[*runs, Run(order="catalog")])], 1
    )

    assert "| post-job-followup | job 32 | not tried | deleted | not tried |" in report


def test_the_commit_is_that_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert provenance.commit() == "unknown (not a git checkout)"


def of_cron(run: Run | None = None, verdict: Verdict = "PASS", **when: Any) -> ScenarioResult:
    called = {"call": "ghl-followups", "instances": 2} | when
    then = [{"delivery": {"messages": [{"to": "contact1"}]}}]
    scenario = Scenario.model_validate({"title": "t", "why": "w", "test": "remaining", "when": called, "then": then})
    file = ScenarioFile(scenario, Source(Path("scenarios/8-remaining/some.yaml"), {}))
    played = Exploration("all", 6, True, 1, 0, 0.1, amiss={"twice": 4} if run is None and verdict == "FAIL" else {})
    return ScenarioResult(file, [CheckResult("delivery", verdict, "why")], [] if run is None else [run], played)


def with_fault(messages: int, *, fault: bool = True) -> Run:
    sent = [Sent("ghl-followups", Message("contact1", "Hi", 200, "1", service="ghl"))] * messages
    steps = [Step("A", Point("call", "ghl POST /x"), fault="dies" if fault else None)]
    return Run(order="x", key=f"{messages} {fault}", steps=steps, sent=sent)


BY_ORDER = of_cron(interleavings="all")


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([BY_ORDER, of_cron(with_fault(1), faults=["each"])], "**low**: nothing in 6 schedules and 1 faults"),
        ([BY_ORDER, of_cron(with_fault(2), faults=["each"])], "**medium**: twice in 1 of 1 faults, no schedule without one"),
        ([BY_ORDER, of_cron(with_fault(2, fault=False), faults=["each"])], "**high**: twice in 1 of 7 schedules"),
        ([of_cron(verdict="FAIL", interleavings="all")], "**high**: twice in 4 of 6 schedules"),
        ([BY_ORDER], "**not known**: either schedules or faults were not played"),
        ([BY_ORDER, of_cron(with_fault(1), "INCONCLUSIVE", faults=["each"])], "**not known**: delivery: why"),
    ],
)  # fmt: skip
def test_the_risk_of_a_cron_has_its_numbers_and_is_not_low_for_want_of_them(
    results: list[ScenarioResult], verdict: str
) -> None:
    (row,) = remaining.rows(results)

    assert (row[0], row[-1]) == ("ghl-followups", verdict)
