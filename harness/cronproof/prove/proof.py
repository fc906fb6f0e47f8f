"""The proof: tries every saboteur, mutant and variant, in parallel processes."""

import asyncio
import contextlib
import gc
import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from ruamel.yaml import YAML

from cronproof.cleanup import guarded
from cronproof.config.config import CronConfig, ProveConfig
from cronproof.config.config_file import ConfigFile
from cronproof.engine.plan import Plan
from cronproof.errors import EnvironmentFailed, UsageError
from cronproof.internal_errors import until_error
from cronproof.postgres.server import server
from cronproof.postgres.server.server import Server
from cronproof.prove import cron_mutants, sql_mutants
from cronproof.prove.trial import Course, Kind, Outcome, Subject, Trial, try_subject
from cronproof.scenario import reader

LEAST_CAUGHT = 0.98


@dataclass(frozen=True)
class Declared:
    """What a configuration declares to be tried: the implementations, and what their trials have in common."""

    subjects: Sequence[Subject]
    equivalent: Mapping[str, str]
    """The mutants that no check can catch, each with the reason."""
    course: Course


def read_declared(file: ConfigFile) -> Declared:
    """Reads what is to be tried.

    Raises:
        UsageError: the configuration declares nothing, or what it names is not there.
    """
    prove = file.prove
    if prove is None:
        raise UsageError(f"{file.file} has no [prove], which says what to try; docs/proof.md explains it")
    for path in (*prove.copied, prove.functions, *map(Path, prove.files)):
        if not (file.folder / path).exists():
            raise UsageError(f"[prove] in {file.file} names {path}, which is not there")
    equivalent = _read_equivalent(file.folder / prove.equivalent)
    course = Course(
        folder=file.folder,
        plans={name: Plan.for_target(file, name) for name in file.targets},
        copied=prove.copied,
        served=prove.served,
        files=reader.read_scenarios(reader.find_files([file.folder / prove.scenarios])),
    )
    return Declared(list(_subjects(file.folder, prove, file.crons, equivalent)), equivalent, course)


def _subjects(
    folder: Path, prove: ProveConfig, crons: Mapping[str, CronConfig], equivalent: Mapping[str, str]
) -> Iterator[Subject]:
    """Yields every implementation to try."""
    yield Subject(prove.target, "variant", {}, target=prove.target)
    yield from map(variant_of, _load(prove.variants, folder))
    yield from map(subject_of, _load(prove.saboteurs, folder))
    yield from _mutants(folder, prove, crons, equivalent)


def _load(name: str, folder: Path) -> Sequence[Any]:
    """Imports what a configuration names: `package.module:name`."""
    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(folder))
    try:
        found: Sequence[Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"[prove] names {name}, which cannot be imported: {error}") from None
    finally:
        sys.path.remove(str(folder))
    return found


def _read_equivalent(file: Path) -> Mapping[str, str]:
    try:
        found: Mapping[str, str] = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    return found


def subject_of(saboteur: Any) -> Subject:
    """Returns a saboteur as an implementation to try."""
    return Subject(
        saboteur.name,
        "saboteur",
        saboteur.sources(),
        saboteur.crons,
        saboteur.target,
        saboteur.in_processes,
        saboteur.proves,
        saboteur.verdict,
        saboteur.message,
        saboteur.bug,
        scenarios=saboteur.scenarios,
    )


def variant_of(variant: Any) -> Subject:
    """Returns a variant as an implementation to try."""
    return Subject(
        variant.name,
        "variant",
        variant.sources(),
        variant.crons,
        variant.target,
        variant.in_processes,
        scenarios=variant.scenarios,
        meets_faults=variant.meets_faults,
    )


def _mutants(
    folder: Path, prove: ProveConfig, crons: Mapping[str, CronConfig], equivalent: Mapping[str, str]
) -> Iterator[Subject]:
    cron_of = {cron.claims_by: name for name, cron in crons.items() if cron.claims_by is not None}
    for mutant in sql_mutants.mutants((folder / prove.functions).read_text(encoding="utf-8"), prove.marks):
        concerned = [cron_of[mutant.function]] if mutant.function in cron_of else list(cron_of.values())
        sources = {str(prove.functions): mutant.text}
        yield Subject(mutant.name, "mutant", sources, concerned, prove.target, is_explained=mutant.name in equivalent)
    for name, concerned in prove.files.items():
        for made in cron_mutants.mutants((folder / name).read_text(encoding="utf-8"), prove.only.get(name, ())):
            title = f"{Path(name).stem}: {made.name}"
            sources = {name: made.text}
            yield Subject(title, "mutant", sources, concerned, prove.target, is_explained=title in equivalent)


@dataclass(frozen=True)
class Proof:
    """The results of all trials."""

    trials: Sequence[Trial]
    equivalent: Mapping[str, str]
    seconds: float

    def of(self, kind: Kind, *outcomes: Outcome) -> list[Trial]:
        """Returns the trials of a kind, by default with any outcome."""
        return [trial for trial in self.trials if trial.subject.kind == kind and trial.outcome in (outcomes or _ANY)]

    @property
    def accused(self) -> list[Trial]:
        """Correct variants that failed a check, or could not be shown to pass."""
        return [trial for trial in self.of("variant") if trial.outcome != "missed" or trial.doubts]

    @property
    def uncaught(self) -> list[Trial]:
        """Saboteurs that were not caught by the check that they name."""
        return [trial for trial in self.of("saboteur") if trial.outcome != "caught"]

    @property
    def mutants(self) -> list[Trial]:
        """The mutants that could be verified and are not equivalent."""
        return [
            trial
            for trial in self.of("mutant")
            if trial.outcome != "broken" and trial.subject.name not in self.equivalent
        ]

    @property
    def survivors(self) -> list[Trial]:
        """Mutants that were neither caught nor explained."""
        return [trial for trial in self.mutants if trial.outcome != "caught"]

    @property
    def stale(self) -> list[str]:
        """Explained mutants that do not exist, or that are caught."""
        alive = {trial.subject.name for trial in self.of("mutant") if trial.outcome in {"missed", "timed out"}}
        tried_ones = {trial.subject.name for trial in self.of("mutant")}
        is_whole = len(tried_ones) > len(self.equivalent)
        return [name for name in self.equivalent if name not in alive and (name in tried_ones or is_whole)]

    @property
    def caught_share(self) -> float:
        """The share of the mutants that were caught, from 0 to 1."""
        return 1 - len(self.survivors) / max(len(self.mutants), 1)

    @property
    def holds(self) -> bool:
        """Whether all saboteurs and enough mutants are caught, and nothing is accused or stale."""
        return not (self.accused or self.uncaught or self.stale) and self.caught_share >= LEAST_CAUGHT


_ANY: tuple[Outcome, ...] = ("caught", "caught by another check", "missed", "timed out", "broken")

Observer = Callable[[Trial, int, int], None]
"""Called with each ended trial, the number of ended trials, and the number of all trials."""


async def prove(
    postgres: str, declared: Declared, chosen: Sequence[Subject], *, workers: int, observe: Observer
) -> Proof:
    """Tries all chosen implementations.

    Raises:
        EnvironmentFailed: there is no such Postgres, or a process has died.
    """
    started = time.monotonic()
    trials: list[Trial] = []
    with guarded() as guard:
        async with server.open_server(postgres) as opened, _pool(workers) as pool:
            loop = asyncio.get_running_loop()
            # The longest trials come first, so that none is still running alone at the end.
            ordered = sorted(chosen, key=lambda subject: subject.kind != "variant")
            pending = [
                loop.run_in_executor(pool, _try, opened, subject, declared.course, guard.folder) for subject in ordered
            ]
            try:
                for ended in asyncio.as_completed(pending):
                    trial = await ended
                    trials.append(trial)
                    observe(trial, len(trials), len(pending))
            except BrokenProcessPool:
                raise EnvironmentFailed("a process of the proof has died: is there enough memory?") from None
            finally:
                for one in pending:
                    one.cancel()
    places = {subject.name: place for place, subject in enumerate(chosen)}
    trials.sort(key=lambda trial: places[trial.subject.name])
    return Proof(trials, declared.equivalent, time.monotonic() - started)


@contextlib.asynccontextmanager
async def _pool(workers: int) -> AsyncIterator[ProcessPoolExecutor]:
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_prepared)
    try:
        yield pool
    finally:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001  (it has no other way to give up at once)
            process.terminate()
        await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)


def _prepared() -> None:
    """Prepares a process of the pool: it ignores Ctrl-C, logs nothing, and ends with the run."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable()
    gc.freeze()  # as in a worker
    os.environ.setdefault("PYTHONWARNINGS", "ignore")


def _end_with_the_run() -> None:
    run = multiprocessing.parent_process()
    if run is not None:
        run.join()
        os._exit(1)


def _try(opened: Server, subject: Subject, course: Course, folder: Path) -> Trial:
    return uvloop.run(until_error(try_subject(opened, subject, course, folder)))
