"""The JSON Schema, used by editors, accepts the same as the reader."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from cronproof.scenario.scenario import Scenario
from tests.support.paths import ROOT

COMMITTED = ROOT / "scenarios" / "scenario.schema.json"
FILES = sorted((ROOT / "scenarios").rglob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(COMMITTED.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert json.loads(COMMITTED.read_text()) == Scenario.model_json_schema()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_scenario_is_valid_and_leads_to_the_schema(
    file: Path, validator: jsonschema.Draft202012Validator
) -> None:
    text = file.read_text()
    first, _, _ = text.partition("\n")
    _, _, reference = first.partition("$schema=")

    assert first.startswith("# yaml-language-server: $schema=")
    assert (file.parent / reference).resolve() == COMMITTED
    validator.validate(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize(
    "change",
    [
        {"test": "races"},
        {"then": ["exclusiv"]},
        {"then": [{"no-loss": {"job": [1]}}]},
        {"then": [{"status": "ok"}]},
        {"when": {"call": "post job"}},
        {"given": {"row": {}}},
        {"unknown": 1},
    ],
)
def test_what_the_reader_refuses_an_editor_marks_too(
    change: dict[str, Any], validator: jsonschema.Draft202012Validator
) -> None:
    valid = {"title": "t", "why": "w", "test": "race", "when": {"call": "post-job-followup"}, "then": ["exclusive"]}
    validator.validate(valid)

    with pytest.raises(jsonschema.ValidationError):
        validator.validate(valid | change)


def test_every_word_is_explained() -> None:
    schema = Scenario.model_json_schema()
    unexplained = [
        f"{name}.{word}"
        for name, definition in schema["$defs"].items()
        if name != "WithParameters"
        for word, value in definition.get("properties", {}).items()
        if "description" not in value
    ]

    assert unexplained == []
