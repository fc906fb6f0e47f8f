"""Crons that a test makes up, verified in place of the reference."""

from collections.abc import Sequence
from pathlib import Path

from cronproof.engine.results import ScenarioResult
from cronproof.engine.session import open_session_on
from cronproof.engine.verification import verify_scenario
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from fixtures.crons.app import CRONS, create_app
from fixtures.crons.context import Cron
from tests.support import reference
from tests.support.database import Await
from tests.support.paths import ROOT

RACE = ROOT / "scenarios" / "3-race" / "post-job-followup.yaml"


def verify(cron: Cron, files: Sequence[Path], postgres: Server, await_: Await) -> list[ScenarioResult]:
    async def main() -> list[ScenarioResult]:
        crons = {**CRONS, "post-job-followup": cron}
        async with open_session_on(
            postgres,
            reference.plan(factory=lambda values, clock: create_app(reference.make_settings(values), crons, clock)),
        ) as opened:
            return [await verify_scenario(opened, reader.read_scenario(file)) for file in files]

    results: list[ScenarioResult] = await_(main())
    return results


def overlapping(name: str, folder: Path) -> Path:
    """The race scenario with one named order only."""
    file = folder / "one.yaml"
    text = RACE.read_text()
    start, end = text.index("    - one-after"), text.index("then:")
    file.write_text(f"{text[:start]}    - {name}\n{text[end:]}")
    return file


def explored(folder: Path) -> Path:
    """The race scenario with its interleavings only."""
    file = folder / "explored.yaml"
    text = RACE.read_text()
    start, end = text.index("  orders:"), text.index("  interleavings:")
    file.write_text(text[:start] + text[end:])
    return file
