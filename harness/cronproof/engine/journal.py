"""The journal: a file with an exploration's executions, to continue it after an interruption.

A strategy's next items depend on earlier results. So to continue, the exploration starts again,
and reads results from the journal instead of executing. Only the first execution of each outcome
is repeated, because its evidence is not in the journal. It must have the same outcome again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from cronproof.domain.choice import Data
from cronproof.engine.evaluate import ExecutionSummary
from cronproof.engine.plan import Plan
from cronproof.errors import UsageError
from cronproof.explore.schedule import ExecutedSchedule, Schedule, SleepSet, WorkItem
from cronproof.gate.trace import Decision
from cronproof.postgres.database import Database
from cronproof.scenario.reader import ScenarioFile

Execute = Callable[[Sequence[WorkItem]], Awaitable[Sequence[tuple[ExecutedSchedule, ExecutionSummary]]]]


@dataclass(frozen=True)
class Entry:
    """One execution: its schedule, its decisions, and its result."""

    schedule: Schedule
    data: Data
    decisions: Sequence[Decision]
    sleep_sets: Sequence[SleepSet]
    redundant_from: int | None
    key: str
    failed: bool
    outcome: str
    summary: str
    waits: int
    known: Sequence[str] = ()
    anomalies: Sequence[str] = ()

    @classmethod
    def from_execution(cls, executed: ExecutedSchedule, summary: ExecutionSummary) -> Entry:
        """Makes the entry of an execution."""
        return cls(
            executed.item.schedule,
            executed.item.data,
            executed.decisions,
            executed.sleep_sets,
            executed.redundant_from,
            summary.key,
            summary.failed,
            summary.outcome,
            summary.summary,
            summary.waits,
            summary.known,
            summary.anomalies,
        )

    def replay(self, item: WorkItem) -> tuple[ExecutedSchedule, ExecutionSummary]:
        """Returns the execution of the entry, as if it had just been made."""
        executed = ExecutedSchedule(item, self.decisions, self.sleep_sets, self.redundant_from)
        summary = ExecutionSummary(
            self.key,
            self.failed,
            None,
            self.outcome,
            self.summary,
            self.waits,
            evidence=None,
            known=self.known,
            anomalies=self.anomalies,
            is_recorded=True,
        )
        return executed, summary


_ENTRY = TypeAdapter(Entry)


class Journal:
    """A file: the first line says what is explored, each further line is an execution."""

    def __init__(self, file: Path, about: Mapping[str, str], *, continues: bool) -> None:
        """Opens the file, to continue it or to start over.

        Raises:
            UsageError: there is no such file, it is of another exploration, or another run uses it.
        """
        self._path = file
        self._keys_with_evidence: set[str] = set()
        """The keys of executions whose evidence was collected in this run."""
        with contextlib.ExitStack() as on_failure:
            try:
                descriptor = os.open(file, os.O_RDWR | (0 if continues else os.O_CREAT), 0o666)
                self._file: BinaryIO = on_failure.enter_context(os.fdopen(descriptor, "r+b"))
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"another run records its exploration in {file}; choose another folder with --out"
                ) from None
            except OSError as error:
                raise UsageError(f"there is no exploration to continue: {file}: {error.strerror}") from None
            if continues:
                self._compare(about)
            else:
                self._file.truncate()
                self._write(json.dumps(about).encode())
            on_failure.pop_all()
        self._recorded = self._entries()

    def close(self, *, is_over: bool) -> None:
        """Closes the file, and removes it when there is nothing left to continue."""
        if is_over:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def keeping(self, execute: Execute) -> Execute:
        """Wraps `execute`: replays recorded executions, then executes and appends the rest."""

        async def keep(items: Sequence[WorkItem]) -> Sequence[tuple[ExecutedSchedule, ExecutionSummary]]:
            entries = [next(self._recorded, None) for _ in items]
            results: dict[int, tuple[ExecutedSchedule, ExecutionSummary]] = {}
            for position, (item, entry) in enumerate(zip(items, entries, strict=True)):
                if entry is not None and (entry.schedule, entry.data) != (item.schedule, item.data):
                    raise UsageError(self._broken("its schedules differ"))
                if entry is not None and entry.key in self._keys_with_evidence:
                    results[position] = entry.replay(item)
                elif entry is not None:
                    self._keys_with_evidence.add(entry.key)
            missing = [position for position in range(len(items)) if position not in results]
            made = await execute([items[position] for position in missing]) if missing else []
            for position, (executed, summary) in zip(missing, made, strict=True):
                results[position] = executed, summary
                entry = entries[position]
                if entry is None and summary.inconclusive_reason is None:
                    self._keys_with_evidence.add(summary.key)
                    self._write(_ENTRY.dump_json(Entry.from_execution(executed, summary), exclude_defaults=True))
                elif entry is not None and summary.key != entry.key:
                    raise UsageError(self._broken("a schedule has a different outcome now"))
            self._file.flush()
            return [results[position] for position in range(len(items))]

        return keep

    def _entries(self) -> Iterator[Entry]:
        """Yields the executions of the file. Cuts off a last line that was only partly written."""
        while True:
            start = self._file.tell()
            line = self._file.readline()
            if not line.endswith(b"\n"):
                self._file.truncate(start)
                self._file.seek(start)
                return
            try:
                yield _ENTRY.validate_json(line)
            except ValidationError:
                raise UsageError(self._broken("one of its lines is not an execution")) from None

    def _compare(self, about: Mapping[str, str]) -> None:
        try:
            was = json.loads(self._file.readline())
            differing = [name for name in about if was[name] != about[name]]
        except (ValueError, LookupError, TypeError):
            raise UsageError(self._broken("it is not a recorded exploration")) from None
        if differing:
            name = differing[0]
            raise UsageError(self._broken(f"{name} was {was[name]}, and is {about[name]}"))

    def _write(self, line: bytes) -> None:
        self._file.write(line + b"\n")

    def _broken(self, reason: str) -> str:
        return f"the exploration in {self._path} cannot continue: {reason}; start over without --continue"


def open_journal(plan: Plan, file: ScenarioFile, database: Database) -> Journal | None:
    """Opens the journal of a scenario's exploration, if the plan asks for one.

    Raises:
        UsageError: the plan continues a different exploration.
    """
    when = file.scenario.when
    if plan.journal is None or when is None:
        return None
    about = {
        "scenario": f"{file.id} {file.source.sha256}",
        "interleavings": str(when.interleavings),
        "faults": str(when.faults),
        "inside": when.inside,
        "target": plan.target,
        "seed": str(plan.seed),
        "postgres": database.version,
        "migrations": ", ".join(f"{path.name} {sha256[:12]}" for path, sha256 in database.applied),
    }
    return Journal(plan.journal, about, continues=plan.continues)
