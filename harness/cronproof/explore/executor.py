"""The scheduler: holds every instance at its points and lets one go at a time.

An instance is parked at a point, running, waiting for a lock, or finished. After a step everything is at rest again:
nobody runs. Whether an instance waits for a lock is asked of the server, never guessed from how long it takes.

An instance can do several things at once (`Promise.all`, a pool of connections). Then each is a line of it, `A`, `A.2` and so
on, which is held and let go by itself, and the instance is at rest when its process is: all its threads sleep, and there
is nothing that they have not read.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from cronproof.gate import fault as faulty
from cronproof.gate.fault import DIES, FaultName, Faults, instance_of, with_fault
from cronproof.gate.footprint import EVERYTHING, NOTHING, Footprint
from cronproof.gate.point import SHARED, Line, Point, Release

AT_REST_SECONDS = 15.0
FIRST_QUESTION_SECONDS = 0.002
LAST_QUESTION_SECONDS = 0.05
LOOK_SECONDS = 0.0003
ROUNDS = 8

Call = Callable[[], Coroutine[None, None, None]]
"""Calls an instance's cron and keeps its answer; never raises."""

Blockers = Callable[[str], Awaitable[Sequence[str]]]
"""Answers which instances hold a lock that the named one waits for; none when it does not wait."""


IsIdle = Callable[[str], bool]
"""Answers whether nothing of an instance's process runs."""


class Looks(Protocol):
    """Where instances may do several things at once: how it is found out that one is at rest."""

    @property
    def is_idle(self) -> IsIdle:
        """Whether nothing of the instance's process runs."""

    def is_busy(self, name: str) -> bool:
        """Whether the instance waits for an answer of the database."""

    def activity(self, name: str) -> int:
        """A number that goes up with everything that the instance exchanges with the database and the mocks."""


class NotAtRest(Exception):
    """An instance neither reached a point nor finished nor waits for a lock, for too long."""


class AbandonedError(ConnectionError):
    """The run was given up: whoever arrives at a point, a rollback for one, is hung up on."""


@dataclass(frozen=True)
class Step:
    """One instance was released from one point, or met a fault there."""

    instance: str
    point: Point
    footprint: Footprint = EVERYTHING
    results: tuple[str, ...] = ()
    """What came of it, in a few words each: the server's command tags, the status of an answer."""
    line: int = 1
    fault: FaultName | None = None

    @property
    def name(self) -> str:
        """What was chosen: `A`, `A.2`, `A!dies`."""
        return with_fault(_named(self.instance, self.line), self.fault)

    def __str__(self) -> str:
        return f"{self.name}: {self.point.label}"


@dataclass(frozen=True)
class Wait:
    """An instance waited for locks of others, in the statement that `point` names."""

    instance: str
    point: Point
    blockers: tuple[str, ...]


@dataclass(eq=False)
class _Parked:
    """A line that is held. It has a number when its instance has come to rest."""

    point: Point
    line: Line | None
    released: asyncio.Future[FaultName | None]
    number: int = 1

    def order(self) -> tuple[str, str, bytes]:
        """By what it does: the order among lines that are new does not depend on who was quicker."""
        return self.point.kind, self.point.text, self.line.content if self.line else b""


@dataclass
class Scheduler:
    """Runs instances one step at a time. It is the gate of their proxies and mocks."""

    blockers: Blockers
    kill_process: Callable[[str], Awaitable[None]] | None = None
    """Kills an instance and returns when nothing of it is left, in the database either."""
    faults: Faults | None = None
    """Those that can be put in."""
    pass_time: Callable[[], Awaitable[None]] | None = None
    """Lets so much time pass that the crons are due again."""
    is_apart: bool = False
    """Whether each instance is called when the crons are due again, and not at the same time as the one before."""
    jobs_locked: Callable[[], AbstractAsyncContextManager[None]] | None = None
    """Has somebody else hold every job locked, as another instance in the middle of its claim does."""
    slow: set[str] = field(default_factory=set)
    """The lines that take so long that everybody else comes first."""
    steps: list[Step] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    after_step: Callable[[], Awaitable[None]] | None = None
    """Called when everything is at rest again."""
    looks: Looks | None = None
    """Given where instances may do several things at once."""
    surprised: bool = False
    """Whether one did that should not: then nothing of the run is certain."""
    stray: str | None = None
    """What an instance did that had not been called yet: something of an earlier run, or of its own."""
    unclear: bool = False
    """Whether something was done of which nobody can tell who did it, since all share one server."""
    most_lines: int = 0
    """As many things were held of one instance at once."""
    _calls: dict[str, Call] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _parked: dict[str, list[_Parked]] = field(default_factory=dict)
    _numbers: dict[str, dict[Line, int]] = field(default_factory=dict)
    _at_rest: set[str] = field(default_factory=set)
    _waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _at: dict[str, Point] = field(default_factory=dict)
    _known: Footprint | None = None
    _touched: list[Footprint] = field(default_factory=list)
    _results: list[str] = field(default_factory=list)
    _changed: asyncio.Future[bool] | None = None
    _abandoned: bool = False
    _dead: set[str] = field(default_factory=set)

    def prepare(self, calls: Mapping[str, Call]) -> None:
        """Names the instances, in order. Each begins when it is first stepped."""
        self._calls = dict(calls)

    @property
    def instances(self) -> list[str]:
        """All instances, in order."""
        return list(self._calls)

    @property
    def enabled(self) -> tuple[str, ...]:
        """The lines that can be released, in order."""
        names = []
        for instance in self._calls:
            if instance not in self._tasks:
                names.append(instance)
            elif self.looks is None:
                names += [instance] if self._parked.get(instance) else []
            else:
                names += sorted(_named(instance, parked.number) for parked in self._parked.get(instance, []))
        return tuple(names)

    @property
    def choices(self) -> tuple[str, ...]:
        """The lines that can be released, and behind them those that can meet a fault instead, with each of its faults."""
        lines = self.enabled
        if self.faults is None or sum(step.fault is not None for step in self.steps) >= self.faults.at_most:
            return lines
        points = [(line, self.next_point(line)) for line in lines]
        return lines + tuple(
            with_fault(line, fault) for line, point in points if point for fault in self.faults.at(point)
        )

    def without_preemption(self, running: str | None) -> str:
        """Who of those that can be released goes on, when nothing else is decided: who did before; whoever is slow, last."""
        return without_preemption(self.enabled, running, self.slow)

    @property
    def unfinished(self) -> list[str]:
        """The instances that have begun and have not run to their ends."""
        return [name for name in self._tasks if not self.finished(name)]

    def finished(self, instance: str) -> bool:
        """Whether the instance has run to its end, with all that it has left undone when it answered."""
        task = self._tasks.get(instance)
        return task is not None and task.done() and not self._parked.get(instance)

    def next_point(self, name: str) -> Point | None:
        """The point at which a line is parked, or of an instance the first one; None while it waits for a lock and after
        it has finished.
        """
        if instance_of(name) not in self._tasks:
            return Point("start")
        parked = self._next(name)
        return parked.point if parked else None

    def _next(self, name: str) -> _Parked | None:
        parked = self._parked.get(instance_of(name), [])
        if self.looks is None:
            return parked[0] if parked else None
        of_name = [one for one in parked if name in (instance_of(name), _named(instance_of(name), one.number))]
        return min(of_name, key=lambda one: one.number, default=None)

    async def arrive(self, instance: str, point: Point, line: Line | None = None) -> Release:
        """Parks a line of the instance until it is released. Called by its proxy and its mocks."""
        if self._abandoned or instance in self._dead:
            raise AbandonedError
        if instance == SHARED:
            instance = self._whose(line)
        if instance not in self._tasks and self.stray is None:
            self.stray = f"{instance} did something before it was called ({point.label})"
        parked = _Parked(point, line, asyncio.get_running_loop().create_future())
        of_instance = self._parked.setdefault(instance, [])
        if self.looks is None:
            self.surprised |= bool(of_instance) or self._does_something_else(instance, line)
        of_instance.append(parked)
        if line is not None:
            self._numbers.setdefault(instance, {}).setdefault(line, 0)
        self._at_rest.discard(instance)
        self._change()
        try:
            fault = await parked.released
        finally:
            if parked in of_instance:  # nobody released it: its connection was closed, or its task cancelled
                of_instance.remove(parked)
                self._change()
        return Release(instance, fault)

    def _whose(self, line: Line | None) -> str:
        """Which instance a line of a server belongs to that is one for all: who uses it already, or else who runs."""
        if line is not None and line.goes_on:
            for name, lines in self._numbers.items():
                if line in lines:
                    return name
        running = [name for name in self._tasks if name not in self._waiting and not self._parked.get(name)]
        running = [name for name in running if not self._tasks[name].done()]
        self.unclear |= len(running) != 1
        if line is not None:
            for lines in self._numbers.values():
                lines.pop(line, None)
        return running[0] if running else self.instances[0]

    def _does_something_else(self, instance: str, line: Line | None) -> bool:
        """Whether the instance has ended, or still waits for an answer to something else than `line`."""
        task = self._tasks.get(instance)
        ended = task is not None and task.done()
        return ended or any(other is not line and other.is_busy for other in self._numbers.get(instance, {}))

    @property
    def asks(self) -> bool:
        """Whether it is to be found out what the step touches: it is not, where that is known."""
        return self._known is None

    async def step(self, choice: str, known: Footprint | None = None) -> None:
        """Releases a parked line, with a fault if the choice says so, and returns when everything is at rest again.

        `known` is what the step is known to touch, from a run that came to it in the same way.

        Raises:
            NotAtRest: something still runs after 15 seconds.
            ValueError: the line is not parked, or cannot meet the fault.
        """
        name, fault = faulty.split(choice)
        instance = instance_of(name)
        if self.is_apart and self._comes_later(instance) and self.pass_time is not None:
            await self.pass_time()
        parked = self._next(name) if instance in self._tasks else None
        if parked is None and instance in self._tasks:
            raise ValueError(f"instance {name} is not parked")
        point = parked.point if parked else Point("start")
        if fault is not None and fault not in faulty.possible(point):
            raise ValueError(f"{fault} cannot happen at {point.label!r}")
        self.steps.append(Step(instance, point, line=parked.number if parked else 1, fault=fault))
        if fault == DIES:
            await self._kill(instance)
        elif fault != "slow-before":
            await self._release(instance, point, parked, fault, known)
        if fault is not None:
            self.steps[-1] = replace(self.steps[-1], footprint=EVERYTHING)
        if fault in faulty.SLOWNESS:
            self.slow.add(name)
            if self.pass_time is not None and not self.is_apart:
                await self.pass_time()
        if self.after_step is not None:
            await self.after_step()

    def _comes_later(self, instance: str) -> bool:
        """Whether the instance is about to take its first step, and another one has taken some."""
        begun = {step.instance for step in self.steps if step.point.kind != "start"}
        return bool(begun) and instance not in begun and instance in self._tasks

    async def _release(
        self, instance: str, point: Point, parked: _Parked | None, fault: FaultName | None, known: Footprint | None
    ) -> None:
        self._at[instance] = point
        self._touched, self._results, self._known = [], [], known
        somebody_waited = bool(self._waiting)
        self._at_rest.discard(instance)
        if parked is None:
            self._tasks[instance] = asyncio.create_task(self._calls[instance]())
            self._tasks[instance].add_done_callback(functools.partial(self._ended, instance))
        else:
            self._parked[instance].remove(parked)
            parked.released.set_result(fault)
        # Another line of an instance that waits goes on: whether all of it waits is to be asked anew.
        waited = self._waiting.pop(instance, None)
        await self._settle({} if waited is None else {instance: waited})
        if known is not None:
            footprint = known
        elif somebody_waited or self._waiting or (point.kind == "statement" and not self._touched):
            footprint = EVERYTHING  # somebody may have gone on, or got stuck, in the middle of a statement
        else:
            footprint = functools.reduce(Footprint.__or__, self._touched, NOTHING)
        self.steps[-1] = replace(self.steps[-1], footprint=footprint, results=tuple(self._results))

    def _ended(self, instance: str, _: object) -> None:
        self._at_rest.discard(instance)
        self._change()

    async def _kill(self, instance: str) -> None:
        if self.kill_process is None:
            raise ValueError(f"instance {instance} cannot be killed")
        self._dead.add(instance)
        await self.kill_process(instance)
        deadline = asyncio.get_running_loop().time() + AT_REST_SECONDS
        while not self.finished(instance):
            if asyncio.get_running_loop().time() > deadline:
                raise NotAtRest(f"{instance} was killed, and still holds on after {AT_REST_SECONDS:g} s")
            await self._change_within(LAST_QUESTION_SECONDS)
        self._waiting.pop(instance, None)
        await self._settle()

    def touched(self, footprint: Footprint) -> None:
        """What was done since the last step touched this."""
        self._touched.append(footprint)

    def came(self, instance: str, result: str) -> None:
        """What was done since the last step had this result, for the instance that was released or for one that waited."""
        mine = bool(self.steps) and self.steps[-1].instance == instance
        self._results.append(result if mine else f"{instance}: {result}")

    async def until_something_moves(self) -> None:
        """Returns when an instance that waited goes on although nobody was released: the server broke a deadlock.

        Raises:
            NotAtRest: nothing has moved in 15 seconds.
        """
        if not await self._change_within(AT_REST_SECONDS):
            raise NotAtRest(f"{', '.join(self._waiting)} waited for a lock for {AT_REST_SECONDS:g} s")
        await self._settle()

    async def abandon(self) -> None:
        """Cancels what still runs or is parked; a parked statement's connection is closed, for it cannot go on.

        Raises:
            Exception: whatever a call has raised, which it should not.
        """
        self._abandoned = True
        for task in self._tasks.values():
            task.cancel()
        for parked in self._parked.values():
            for one in parked:
                if not one.released.done():  # as it is where the connection was closed meanwhile
                    one.released.set_exception(AbandonedError())
        results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._parked.clear()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, AbandonedError):
                raise result

    def _running(self) -> list[str]:
        started = [name for name in self._tasks if name not in self._waiting]
        if self.looks is not None:
            return [name for name in started if name not in self._at_rest]
        return [name for name in started if not self._tasks[name].done() and not self._parked.get(name)]

    async def _settle(self, recorded: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Waits until everything is at rest. `recorded` are waits that were noted before."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + AT_REST_SECONDS
        question_seconds = FIRST_QUESTION_SECONDS
        while True:
            while running := self._running():
                if loop.time() > deadline:
                    names = ", ".join(f"{name} after {self._at[name].label!r}" for name in running)
                    raise NotAtRest(f"still running after {AT_REST_SECONDS:g} s: {names}")
                if self.looks is not None and await self._come_to_rest(self.looks, running):
                    continue
                if not await self._change_within(LOOK_SECONDS if self.looks is not None else question_seconds):
                    await self._ask_about(running, recorded)
                    question_seconds = min(question_seconds * 2, LAST_QUESTION_SECONDS)
            # Everything is at rest, unless what has just happened let go of somebody who waited.
            waited = self._waiting
            if waited:
                self._waiting = {}
                self._at_rest -= waited.keys()
                await self._ask_about(list(waited), waited)
            if self._waiting.keys() == waited.keys():
                return

    async def _come_to_rest(self, looks: Looks, names: Sequence[str]) -> bool:
        """Notes which instances are at rest: parked or finished, with nothing on its way to them or from them."""
        before = set(self._at_rest)
        for name in names:
            at_a_point = self._parked.get(name) or self._tasks[name].done()
            if not at_a_point or looks.is_busy(name) or not await self._is_quiet(looks, name):
                continue
            if not looks.is_busy(name):  # what was released a moment ago has reached the database only now
                self._rests(name)
        return self._at_rest != before

    async def _is_quiet(self, looks: Looks, name: str) -> bool:
        """Whether an instance's process sleeps, and nothing is on its way: neither from it, nor to it."""
        before = looks.activity(name)
        for _ in range(
            2
        ):  # after the first time it may still have been about to hear something, and by now have answered
            if not looks.is_idle(name):
                return False
            for _ in range(ROUNDS):  # in which what has been sent goes out, and what has come in shows as activity
                await asyncio.sleep(0)
        return looks.activity(name) == before

    def _rests(self, instance: str) -> None:
        """Gives numbers to the lines that are parked: those of lines that go on stay, others are the lowest that are free,
        in an order that does not depend on who was quicker.
        """
        self._at_rest.add(instance)
        parked, numbers = self._parked.get(instance, []), self._numbers.get(instance, {})
        self.most_lines = max(self.most_lines, len(parked))
        held = {one.line for one in parked}
        for line in [line for line in numbers if line not in held and not line.goes_on]:
            del numbers[line]
        used = {number for number in numbers.values() if number}
        new = [one for one in parked if one.line is None or not numbers.get(one.line)]
        for one in sorted(new, key=_Parked.order):
            one.number = next(number for number in itertools.count(1) if number not in used)
            used.add(one.number)
            if one.line is not None:
                numbers[one.line] = one.number
        for one in parked:
            if one.line is not None:
                one.number = numbers[one.line]

    async def _ask_about(self, names: Sequence[str], recorded: Mapping[str, tuple[str, ...]] | None = None) -> None:
        for name in names:
            blockers = tuple(await self.blockers(name))
            if not blockers or name not in self._running():
                continue
            if self.looks is not None:
                if not await self._is_quiet(self.looks, name):
                    continue
                self._rests(name)
            self._waiting[name] = blockers
            if recorded is None or recorded.get(name) != blockers:
                self.waits.append(Wait(name, self._at[name], blockers))

    async def _change_within(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        self._changed = loop.create_future()
        timer = loop.call_later(seconds, _resolve, self._changed, False)
        try:
            return await self._changed
        finally:
            timer.cancel()

    def _change(self, _: object = None) -> None:
        if self._changed is not None:
            _resolve(self._changed, True)


def _resolve(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)


def without_preemption(lines: Sequence[str], running: str | None, slow: Collection[str]) -> str:
    """Who of these lines goes on: who did before, else the first; whoever is slow, last."""
    quick = [line for line in lines if line not in slow] or lines
    return running if running is not None and running in quick else quick[0]


def _named(instance: str, line: int) -> str:
    return instance if line == 1 else f"{instance}.{line}"
