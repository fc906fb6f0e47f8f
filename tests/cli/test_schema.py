"""`cronproof schema`."""

import json

import pytest

from tests.support.command import run_command
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def test_schema_prints_the_committed_schema() -> None:
    assert json.loads(run_command("schema").stdout) == json.loads(
        (ROOT / "scenarios" / "scenario.schema.json").read_text()
    )
