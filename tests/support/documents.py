"""Documents of runs, made by hand."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cronproof.engine.evaluate import CheckResult
from cronproof.engine.results import Exploration, ScenarioResult
from cronproof.evidence.evidence import Evidence
from cronproof.report.data.document import Document, FileEntry
from cronproof.report.data.provenance import Provenance
from cronproof.report.data.record import record
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


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def changed(folder: Path, to: Path, **scenario: Any) -> Path:
    """A copy of the folder with other results for the race."""
    shutil.copytree(folder, to)
    data = json.loads((to / "results.json").read_text())
    race = next(one for one in data["scenarios"] if one["id"] == "3-race/post-job-followup")
    for name, value in scenario.items():
        race[name] = {**race[name], **value} if isinstance(value, dict) else value
    (to / "results.json").write_text(json.dumps(data))
    return to
