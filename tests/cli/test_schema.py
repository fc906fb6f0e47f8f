"""`cronproof schema`."""

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.support.command import run_command
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres

CONFIG_SCHEMA = ROOT / "docs" / "cronproof.schema.json"
SCHEMA_OF_CONFIG = json.loads(CONFIG_SCHEMA.read_text())
VALIDATOR = Draft202012Validator(SCHEMA_OF_CONFIG)
CONFIGS = [
    *ROOT.glob("cronproof.toml"),
    *ROOT.glob("fixtures/targets/*/cronproof.toml"),
    *ROOT.glob("tests/foreign/apps/*.toml"),
]


@pytest.mark.parametrize(
    ("arguments", "committed"),
    [([], ROOT / "scenarios" / "scenario.schema.json"), (["config"], CONFIG_SCHEMA)],
)
def test_schema_prints_the_committed_schema(arguments: list[str], committed: Path) -> None:
    assert json.loads(run_command("schema", *arguments).stdout) == json.loads(committed.read_text())


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.parent.name)
def test_configurations_are_valid_by_their_schema(file: Path) -> None:
    VALIDATOR.validate(tomllib.loads(file.read_text()))


def test_what_no_table_has_is_invalid_and_what_it_has_is_described() -> None:
    document = {"targets": {"shop": {"command": ["./serve"], "comand": ["./serve"]}}}

    (error,) = VALIDATOR.iter_errors(document)

    assert "'comand' was unexpected" in error.message
    described = SCHEMA_OF_CONFIG["$defs"]["TargetConfig"]["properties"]
    assert described["ready"]["description"].startswith("A path that answers below 500")
