"""The runs of an exploration in a file, so that a search that was interrupted can go on.

What a search does next is decided by what came of its runs. So to go on, it is begun again, and for the runs that are in
the file it gets what is written there: it comes to where it was without making them. Only of each outcome one run is made
again, since what the checks are asked about is not in the file; it must come to the same.
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

from cronproof.engine.scenario_runner import Glance
from cronproof.errors import UsageError
from cronproof.explore.schedule import Data, Decision, Follow, Schedule
from cronproof.explore.strategy import Task

Execute = Callable[[Sequence[Task]], Awaitable[Sequence[tuple[Follow, Glance]]]]


@dataclass(frozen=True)
class Entry:
    """One run: which one it was, what was decided in it, and what it came to."""

    schedule: Schedule
    data: Data
    decisions: list[Decision]
    redundant_from: int | None
    key: str
    failed: bool
    outcome: str
    summary: str
    waits: int
    known: Sequence[str] = ()
    amiss: Sequence[str] = ()

    @classmethod
    def of(cls, task: Task, follow: Follow, glance: Glance) -> Entry:
        """What is written of a run."""
        return cls(
            task.schedule,
            task.data,
            follow.decisions,
            follow.redundant_from,
            glance.key,
            glance.failed,
            glance.outcome,
            glance.summary,
            glance.waits,
            glance.known,
            glance.amiss,
        )

    def told(self) -> tuple[Follow, Glance]:
        """What a search is told of the run."""
        follow = Follow(self.schedule, {}, self.data, (), self.decisions, self.redundant_from)
        glance = Glance(
            self.key,
            self.failed,
            None,
            self.outcome,
            self.summary,
            self.waits,
            run=None,
            known=self.known,
            amiss=self.amiss,
            is_recorded=True,
        )
        return follow, glance


_ENTRY = TypeAdapter(Entry)


class Journal:
    """A file with a line for each run, below one that says what is searched."""

    def __init__(self, file: Path, about: Mapping[str, str], *, goes_on: bool) -> None:
        """Opens the file to go on with it, or to begin anew.

        Raises:
            UsageError: there is nothing to go on with, or it is of another search, or of one that is still under way.
        """
        self._path = file
        self._evident: set[str] = set()
        """The outcomes of which a run was made since."""
        with contextlib.ExitStack() as on_failure:
            try:
                descriptor = os.open(file, os.O_RDWR | (0 if goes_on else os.O_CREAT), 0o666)
                self._file: BinaryIO = on_failure.enter_context(os.fdopen(descriptor, "r+b"))
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(f"another run writes its search to {file}; choose another folder with --out") from None
            except OSError as error:
                raise UsageError(f"there is no search to go on with: {file}: {error.strerror}") from None
            if goes_on:
                self._compare(about)
            else:
                self._file.truncate()
                self._write(json.dumps(about).encode())
            on_failure.pop_all()
        self._recorded = self._entries()

    def close(self, *, is_over: bool) -> None:
        """Closes the file, and removes it when there is nothing left to go on with."""
        if is_over:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def keeping(self, execute: Execute) -> Execute:
        """Answers from the file as long as there is something in it, has all other runs made, and writes them there."""

        async def kept(tasks: Sequence[Task]) -> Sequence[tuple[Follow, Glance]]:
            entries = [next(self._recorded, None) for _ in tasks]
            told: dict[int, tuple[Follow, Glance]] = {}
            for position, (task, entry) in enumerate(zip(tasks, entries, strict=True)):
                if entry is not None and (entry.schedule, entry.data) != (task.schedule, task.data):
                    raise UsageError(self._broken("it has other schedules"))
                if entry is not None and entry.key in self._evident:
                    told[position] = entry.told()
                elif entry is not None:
                    self._evident.add(entry.key)
            missing = [position for position in range(len(tasks)) if position not in told]
            made = await execute([tasks[position] for position in missing]) if missing else []
            for position, (follow, glance) in zip(missing, made, strict=True):
                told[position] = follow, glance
                entry = entries[position]
                if entry is None and glance.hindrance is None:
                    self._evident.add(glance.key)
                    self._write(_ENTRY.dump_json(Entry.of(tasks[position], follow, glance), exclude_defaults=True))
                elif entry is not None and glance.key != entry.key:
                    raise UsageError(self._broken("a schedule comes to something else now"))
            self._file.flush()
            return [told[position] for position in range(len(tasks))]

        return kept

    def _entries(self) -> Iterator[Entry]:
        """The runs of the file. What a killed process has left half written behind them is cut off."""
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
                raise UsageError(self._broken("a line of it is no run")) from None

    def _compare(self, about: Mapping[str, str]) -> None:
        try:
            was = json.loads(self._file.readline())
            differing = [name for name in about if was[name] != about[name]]
        except (ValueError, LookupError, TypeError):
            raise UsageError(self._broken("it is no search")) from None
        if differing:
            name = differing[0]
            raise UsageError(self._broken(f"{name} was {was[name]}, and is {about[name]}"))

    def _write(self, line: bytes) -> None:
        self._file.write(line + b"\n")

    def _broken(self, reason: str) -> str:
        return f"the search in {self._path} cannot go on: {reason}; begin anew without --continue"
