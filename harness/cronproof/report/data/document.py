"""A run as one JSON document: `results.json`, which `--json` also prints.

Every format of a report is rendered from it alone. Other tools rely on its keys: one can be added,
but renaming or dropping one needs a new version.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cronproof.domain.instance import CronName, Instance
from cronproof.domain.work import UnitId
from cronproof.engine.results import Exploration
from cronproof.engine.timeline import Timeline
from cronproof.errors import InvalidFile, InvalidReport, Mistake
from cronproof.evidence.finding import Verdict
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.explore.counterexample import Counterexample
from cronproof.input_files import decode
from cronproof.report.data.risk import MeasuredRisk

VERSION: Literal[2] = 2
RESULTS = "results.json"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Entry):
    """A file that the run depends on."""

    file: str
    sha256: str


class CheckEntry(_Entry):
    """What a check found in all executions of a scenario."""

    id: str
    verdict: Verdict
    message: str
    order: str | None = Field(None, description="The order in which it did not pass.")
    line: int = Field(description="The line of the scenario's file that asks for it.")


class ResponseEntry(_Entry):
    """What a cron answered: the status, and the body, shortened if it is long."""

    instance: str
    status: int
    body: str


class ClaimEntry(_Entry):
    """The units of work that an instance has claimed."""

    instance: str
    units: Sequence[UnitId]


class WaitEntry(_Entry):
    """An instance that waited for a lock, and who held it."""

    instance: str
    blockers: Sequence[str]


class UnitEntry(_Entry):
    """What became of a unit of work: the service's answers in the execution and the recovery."""

    unit: UnitId
    answers: Sequence[int]
    claim: Literal["set", "empty", "deleted"] = Field(description="Its claim column after the execution.")
    answers_later: Sequence[int]


class ExecutionEntry(_Entry):
    """An execution: one for each named order, and one for each outcome of the interleavings."""

    order: str
    explored: bool
    responses: Sequence[ResponseEntry]
    claims: Sequence[ClaimEntry]
    accepted: int = Field(description="How many messages were accepted.")
    waits: Sequence[WaitEntry]
    units: Sequence[UnitEntry]
    steps: Sequence[str] = Field((), description="The steps of a named order that a check did not pass.")


class FunctionEntry(_Entry):
    """A function that the scenario asks about."""

    function: str
    present: bool
    guarded: Verdict | None = None


class KnownEntry(_Entry):
    """A known limit that was observed: its reason, what was seen, and the shortest schedule."""

    reason: str
    message: str
    counterexample: str
    schedule: Counterexample
    timeline: Timeline


class OutputEntry(_Entry):
    """The last lines that the process of an instance has written, and the file that has all of them."""

    instance: str
    file: str
    lines: Sequence[str]


class ScenarioEntry(_Entry):
    """One scenario."""

    id: str
    file: str
    line: int = Field(1, description="The line of its title in the file.")
    title: str
    why: str
    test: str = Field(description="The part of the report that it belongs to.")
    verdict: Verdict
    reason: str | None = None
    instances: Sequence[Instance] = Field(description="The instances that were called.")
    unit: str = Field("unit", description="The word for a unit of the work that they do.")
    pair: tuple[CronName, CronName] | None = None
    checks: Sequence[CheckEntry]
    exploration: Exploration
    played: int = Field(description="How many executions there were in all.")
    executions: Sequence[ExecutionEntry] = ()
    functions: Sequence[FunctionEntry] = ()
    faults: Sequence[MessageOutcome] | None = Field(
        None, description="The truth table: a line for each message in each execution with faults."
    )
    counterexample: str | None = Field(
        None, description="The file of the shortest schedule that fails, or of a named order that does."
    )
    schedule: Counterexample | None = Field(None, description="What is in that file.")
    timeline: Timeline | None = Field(
        None, description="The timeline of that schedule; if there is none, of one that passes."
    )
    passing: Timeline | None = Field(None, description="The most similar schedule that passes.")
    known: Sequence[KnownEntry] | None = None
    limits: Sequence[str] = Field((), description="The reasons of the known limits observed.")
    output: Sequence[OutputEntry] = ()

    @property
    def is_explored(self) -> bool:
        """Whether schedules were explored besides the named orders."""
        return self.exploration.strategy not in {"none", "single", "orders"}


class Versions(_Entry):
    """What the run was made with."""

    cronproof: str
    python: str
    system: str


class Document(_Entry):
    """A whole run."""

    version: Literal[2]
    id: str = Field(description="The name of the run's folder.")
    verdict: Verdict
    target: str
    target_is: str | None = Field(None, description="What the target is, where it is a built-in one.")
    postgres: str
    commit: str
    dirty: bool | None = Field(
        None, description="Whether files differed from the commit; unknown outside a git checkout."
    )
    started: datetime
    seconds: float
    seed: int
    budget_seconds: float | None = None
    command: str
    directory: str = Field(description="The working directory, from the root of the git checkout.")
    shard: str | None = Field(None, description="Which part of all scenarios this is: `2/5`.")
    interrupted: bool
    left_out: int = Field(description="How many slow scenarios were left out.")
    versions: Versions
    migrations: Sequence[FileEntry]
    files: Sequence[FileEntry] = Field(description="The scenario files, and the configuration.")
    scenarios: Sequence[ScenarioEntry]
    crons: Mapping[str, str | None] = Field(
        {}, description="The crons that the configuration names, each with the risk that a report by hand has stated."
    )
    risks: Sequence[MeasuredRisk] = Field((), description="The crons with a stated risk: their risk, measured.")

    def text(self) -> str:
        """Returns the JSON text."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"

    def directory_of(self, file: str) -> str:
        """Returns a file's path from the root of the git checkout."""
        return file if self.directory == "." or file.startswith("/") else f"{self.directory.rstrip('/')}/{file}"

    @property
    def schedules(self) -> Mapping[str, Counterexample]:
        """The counterexamples, those of known limits included, by the names of their files."""
        found = {one.counterexample: one.schedule for one in self.scenarios if one.counterexample and one.schedule}
        found |= {known.counterexample: known.schedule for one in self.scenarios for known in one.known or ()}
        return {Path(place).name: schedule for place, schedule in found.items()}


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no number")


def read_document(file: Path) -> Document:
    """Reads the document of a file.

    Raises:
        InvalidFile: it holds none, or one of another version.
    """
    try:
        text = decode(file, file.read_bytes())
        data = json.loads(text, parse_constant=_refuse)
        json.dumps(data, ensure_ascii=False).encode()
    except InvalidFile:
        raise
    except OSError as error:
        raise InvalidReport([Mistake(file, 1, 1, f"cannot be read: {error.strerror}")]) from None
    except json.JSONDecodeError as error:
        raise InvalidReport([Mistake(file, error.lineno, error.colno, f"not JSON: {error.msg.lower()}")]) from None
    except UnicodeEncodeError as error:
        lone = error.object[error.start].encode("ascii", "backslashreplace").decode()
        raise InvalidReport([Mistake(file, 1, 1, f"not JSON: {lone} stands for no character")]) from None
    except (RecursionError, ValueError) as error:  # nested too deep, no number, or one of too many digits
        raise InvalidReport([Mistake(file, 1, 1, f"not JSON: {error}")]) from None
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION:
        said = "says no version" if version is None else f"is of version {version!r}"
        raise InvalidReport([Mistake(file, 1, 1, f"{said}; this cronproof reads version {VERSION}")])
    try:
        return Document.model_validate(data)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidReport(
            [Mistake(file, 1, 1, f"not the results of a run: {where}: {first['msg'].lower()}")]
        ) from None
