"""CTRF."""

import json
from pathlib import Path

import jsonschema
import pytest

pytestmark = pytest.mark.postgres


def test_ctrf_keeps_to_its_schema(folder: Path, schemas: Path) -> None:
    schema = json.loads((schemas / "ctrf" / "dist" / "ctrf-schema-0.0.json").read_text())

    report = json.loads((folder / "ctrf.json").read_text())
    jsonschema.validate(report, schema)
    assert report["results"]["summary"]["failed"] > 0
