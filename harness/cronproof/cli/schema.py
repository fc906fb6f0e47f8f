"""`cronproof schema`."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from cronproof.cli.console import Console
from cronproof.config.config import Config
from cronproof.report.data.document import Document
from cronproof.scenario.scenario import Scenario


class Kind(StrEnum):
    """The documents that have a JSON Schema."""

    SCENARIO = "scenario"
    RESULTS = "results"
    CONFIG = "config"


def schema(
    of: Annotated[
        Kind, typer.Argument(help="Of scenario files, of results.json, or of cronproof.toml.")
    ] = Kind.SCENARIO,
) -> None:
    """Print the JSON Schema of scenario files, of results, or of configurations."""
    match of:
        case Kind.SCENARIO:
            schema_of = Scenario.model_json_schema()
        case Kind.RESULTS:
            schema_of = Document.model_json_schema()
        case Kind.CONFIG:
            schema_of = Config.model_json_schema()
    Console().out(json.dumps(schema_of, indent=2, ensure_ascii=False), highlight=False)
