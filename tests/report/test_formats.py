"""The formats on results made by hand, including hostile titles."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from cronproof import redaction
from cronproof.domain.instance import Instance
from cronproof.domain.message import Message, SentMessage
from cronproof.engine.evaluate import CheckResult, evaluate
from cronproof.engine.results import Exploration, ScenarioResult
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Verdict
from cronproof.gate.point import Point
from cronproof.gate.trace import Step
from cronproof.report.data import provenance
from cronproof.report.data.document import Document, FileEntry
from cronproof.report.data.provenance import Provenance
from cronproof.report.data.record import record
from cronproof.report.data.risk import measure_risks
from cronproof.report.views import attestation, ctrf, html, junit, markdown, risk_table
from cronproof.report.views.table import cell
from cronproof.report.views.terminal import Terminal
from cronproof.scenario.reader import ScenarioFile, Source
from cronproof.scenario.scenario import Scenario

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
    [Evidence(order="step-by-step")],
    Exploration("orders", 1, exhausted=False, distinct_outcomes=1, blocked_waits=0, seconds=0.5),
)
ABOUT = Provenance(
    target="reference",
    postgres="PostgreSQL 18.6, embedded",
    commit="0" * 40,
    dirty=False,
    started=datetime(2026, 11, 23, tzinfo=UTC),
    seconds=1.25,
    seed=7,
    command="cronproof verify",
    directory=".",
    migrations=[FileEntry(file="sql/06-cron-locking.sql", sha256="a" * 64)],
    files=[FileEntry(file="scenarios/folder/hostile.yaml", sha256="b" * 64)],
)
FOLDER = Path("reports") / "2026-11-23T000000Z-3f9a2c"


def documented(*results: ScenarioResult) -> Document:
    return record(ABOUT, results, FOLDER)


def test_junit_is_xml_whatever_the_messages_hold() -> None:
    root = ET.fromstring(junit.render(documented(RESULT)))  # noqa: S314  (our own text)
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("2", "1", "1")
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.attrib["message"].startswith('step-by-step: </x> & "quotes"')


def test_json_has_the_keys_that_others_rely_on() -> None:
    parsed = json.loads(documented(RESULT).text())

    assert parsed.keys() >= {"verdict", "target", "postgres", "scenarios"}
    (scenario,) = parsed["scenarios"]
    assert scenario.keys() >= {"id", "file", "title", "verdict", "reason", "checks", "exploration"}
    assert (scenario["id"], scenario["verdict"]) == ("folder/hostile", "FAIL")
    first = {"id": "exclusive", "verdict": "FAIL", "message": HOSTILE, "order": "step-by-step", "line": 1}
    assert scenario["checks"][0] == first
    assert "order" not in scenario["checks"][1]


def test_a_scenario_that_passes_has_no_reason() -> None:
    passed = replace(RESULT, checks=[CheckResult("exclusive", "PASS", "fine"), CheckResult("egress", "PASS", "fine")])

    assert "reason" not in json.loads(documented(passed).text())["scenarios"][0]


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

    report = markdown.render(documented(replace(RESULT, file=replace(RESULT.file, scenario=scenario), checks=said)))

    assert "| `f` | **No** | not asked |" in report
    assert "| `g` | **Yes** | PASS |" in report


def test_markdown_takes_a_retry_without_a_call_or_with_a_job_that_is_gone() -> None:
    scenario = SCENARIO.model_copy(update={"test": "retry"})
    job = {"id": 32, "phone_number": "+12125550132", "followup_sent_at": None}
    runs = [
        Evidence(order="1", instances=[Instance("A", "post-job-followup")], before={"jobs": [job]}, after={"jobs": []})
    ]

    report = markdown.render(
        documented(
            replace(RESULT, file=replace(RESULT.file, scenario=scenario), evidence=[*runs, Evidence(order="catalog")])
        )
    )

    assert "| post-job-followup | job 32 | not tried | deleted | not tried |" in report


def test_the_commit_is_that_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert provenance.checkout() == provenance.Checkout()


def of_cron(run: Evidence | None = None, verdict: Verdict = "PASS", **when: Any) -> ScenarioResult:
    called = {"call": "ghl-followups", "instances": 2} | when
    then = [{"delivery": {"messages": [{"to": "contact1"}]}}]
    scenario = Scenario.model_validate({"title": "t", "why": "w", "test": "remaining", "when": called, "then": then})
    file = ScenarioFile(scenario, Source(Path("scenarios/8-remaining/some.yaml"), {}))
    played = Exploration(
        "all", 6, True, 1, 0, 0.1, anomalies={"duplicate": 4} if run is None and verdict == "FAIL" else {}
    )
    return ScenarioResult(
        file, [CheckResult("delivery", verdict, "why")], [] if run is None else [evaluate(scenario.checks, run)], played
    )


def with_fault(messages: int, *, fault: bool = True) -> Evidence:
    sent = [SentMessage("ghl-followups", Message("contact1", "Hi", 200, "1", service="ghl"))] * messages
    steps = [Step("A", Point("call", "ghl POST /x"), fault="dies" if fault else None)]
    return Evidence(order="x", key=f"{messages} {fault}", steps=steps, sent=sent)


BY_ORDER = of_cron(interleavings="all")


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([BY_ORDER, of_cron(with_fault(1), faults=["each"])], "**low**: nothing in 6 schedules and 1 faults"),
        ([BY_ORDER, of_cron(with_fault(2), faults=["each"])], "**medium**: duplicate in 1 of 1 faults, in no schedule without faults"),
        ([BY_ORDER, of_cron(with_fault(2, fault=False), faults=["each"])], "**high**: duplicate in 1 of 7 schedules"),
        ([of_cron(verdict="FAIL", interleavings="all")], "**high**: duplicate in 4 of 6 schedules"),
        ([BY_ORDER], "**not known**: either schedules or faults were not executed"),
        ([BY_ORDER, of_cron(with_fault(1), "INCONCLUSIVE", faults=["each"])], "**not known**: delivery: why"),
    ],
)  # fmt: skip
def test_the_risk_of_a_cron_has_its_numbers_and_is_not_low_for_want_of_them(
    results: list[ScenarioResult], verdict: str
) -> None:
    (row,) = risk_table.rows(measure_risks(results))

    assert (row[0], cell(row[-1])) == ("ghl-followups", verdict)


EXTREME = RESULT.file.scenario.model_copy(update={"title": HOSTILE * 300 + "x" * 10_000})


@pytest.mark.parametrize(
    "render", [junit.render, ctrf.render, html.render, markdown.render, attestation.render, Document.text]
)
def test_a_title_of_ten_thousand_hostile_characters_breaks_no_format(render: Callable[[Document], str]) -> None:
    extreme = replace(RESULT, file=replace(RESULT.file, scenario=EXTREME))

    text = render(documented(extreme))

    assert text.encode()
    assert '</x> & "quotes"' not in text or render is not html.render
    if render in {ctrf.render, attestation.render, Document.text}:
        json.loads(text)
    if render is junit.render:
        ET.fromstring(text)  # noqa: S314  (our own text)
    if render is html.render:
        assert ("\x1b" in text, "<script>" in text.replace('<script>"use strict"', "", 1)) == (False, False)


def test_a_document_that_is_read_again_is_the_same() -> None:
    text = documented(RESULT).text()

    assert Document.model_validate_json(text).text() == text


def test_secrets_and_people_are_not_in_it() -> None:
    said = (
        "key-of-mine-123 postgres://u:hunter2hunter2@h/x password=swordfish1 Bearer abcdefgh12345678 "
        "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZSJ9.c2lnbmF0dXJl OPENPHONE_API_KEY=zyxwvuts "
        "+12125550132 (212) 555-0132 2026-11-23 sb_secret_abcdefghij "
        '{"api_key": "qwertyuiop"} token: a1b2c3d4e5 without the secret: everything is refused'
    )
    result = replace(RESULT, checks=[CheckResult("exclusive", "FAIL", said), CheckResult("egress", "PASS", said)])

    text = record(ABOUT, [result], FOLDER, {"key-of-mine-123"}).text()

    for secret in (
        "key-of-mine",
        "hunter2",
        "swordfish",
        "abcdefgh1234",
        "eyJ",
        "zyxwvuts",
        "sb_secret_a",
        "555-01",
        "qwerty",
        "a1b2",
    ):
        assert secret not in text, secret
    assert "+12125550132" not in text
    assert "********0132" in text
    assert "without the secret: everything is refused" in text
    assert "2026-11-23" in json.loads(text)["scenarios"][0]["checks"][0]["message"]
    try:
        redaction.show_data(True)
        shown = record(ABOUT, [result], FOLDER, {"key-of-mine-123"}).text()
    finally:
        redaction.show_data(False)
    assert ("+12125550132" in shown, "key-of-mine" in shown, "hunter2" in shown) == (True, False, False)
