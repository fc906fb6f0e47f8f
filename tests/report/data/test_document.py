"""results.json: its keys, and that it is read as it was written."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cronproof import redaction
from cronproof.engine.evaluate import CheckResult
from cronproof.errors import InvalidFile
from cronproof.report.data.document import Document, read_document
from cronproof.report.data.record import record
from cronproof.report.views import attestation, ctrf, html, junit, markdown
from tests.support.documents import ABOUT, FOLDER, HOSTILE, RESULT, documented


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


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"schedules": ', '"schedules": NaN, "x": ', ":1:1: not JSON: NaN is no number"),
        ('"schedules": ', '"schedules": -Infinity, "x": ', ":1:1: not JSON: -Infinity is no number"),
        ('"schedules": ', f'"schedules": {"9" * 5000}, "x": ', ":1:1: not JSON: Exceeds the limit"),
        ('"target": "', '"target": "\\ud800', r":1:1: not JSON: \ud800 stands for no character"),
        ('"target": "', '"target": "\xff', ": not UTF-8"),
    ],
)
def test_results_that_no_run_has_written_are_one_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    text = documented(RESULT).text()
    assert old in text
    content = text.replace(old, new, 1).encode()
    file.write_bytes(content.replace("\xff".encode(), b"\xff"))

    with pytest.raises(InvalidFile) as raised:
        read_document(file)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


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
