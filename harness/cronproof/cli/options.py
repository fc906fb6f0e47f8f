"""Options that several commands share, and exit codes."""

from pathlib import Path
from typing import Annotated

import typer

from cronproof.evidence.finding import Verdict

EXIT_CODES: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 4}
INTERRUPTED = 130
BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells report it
REPORTS = Path("reports")

Scenarios = Annotated[list[Path] | None, typer.Argument(help="Scenario files or folders.", show_default="scenarios/")]
Postgres = Annotated[
    str,
    typer.Option(
        metavar="embedded|container[:IMAGE]|DSN",
        help="The Postgres to verify on. A run works in its own database only.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(help="The target of the configuration to verify; default: its first."),
]
Config = Annotated[
    Path | None, typer.Option(help="Where targets are described; default: the cronproof.toml that is here.")
]
Migrations = Annotated[
    list[Path] | None,
    typer.Option("--migration", help="Applied instead of the target's `replaceable_migrations`. Repeatable."),
]
JUnit = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]
Seed = Annotated[int, typer.Option(help="The seed of samples; nothing else is left to chance.")]
Slow = Annotated[bool, typer.Option("--slow", help="Also the scenarios that take long.")]
ShowData = Annotated[
    bool, typer.Option("--show-data", help="Show phone numbers and texts whole; secrets are never shown.")
]
Sign = Annotated[
    Path | None, typer.Option("--sign", metavar="KEY", help="Sign the attestation with this private key, in PEM.")
]
