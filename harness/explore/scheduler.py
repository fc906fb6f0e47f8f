"""The scheduler: holds every instance at its points and lets one go at a time.

An instance is parked at a point, running, waiting for a lock, or finished. After a step everything is at rest again:
nobody runs. Whether an instance waits for a lock is asked of the server, never guessed from how long it takes.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.explore.footprint import EVERYTHING, NOTHING, Footprint
from harness.explore.point import Point

AT_REST_SECONDS = 15.0
FIRST_QUESTION_SECONDS = 0.002
LAST_QUESTION_SECONDS = 0.05

Call = Callable[[], Coroutine[None, None, None]]
"""Calls an instance's cron and keeps its answer; never raises."""

Blockers = Callable[[str], Awaitable[Sequence[str]]]
"""Answers which instances hold a lock that the named one waits for; none when it does not wait."""


class NotAtRest(Exception):
    """An instance neither reached a point nor finished nor waits for a lock, for too long."""


class AbandonedError(ConnectionError):
    """The run was given up: whoever arrives at a point, a rollback for one, is hung up on."""


@dataclass(frozen=True)
class Step:
    """One instance was released from one point."""

    instance: str
    point: Point
    footprint: Footprint = EVERYTHING
    results: tuple[str, ...] = ()
    """What came of it, in a few words each: the server's command tags, the status of an answer."""

    def __str__(self) -> str:
        return f"{self.instance}: {self.point.label}"


@dataclass(frozen=True)
class Wait:
    """An instance waited for locks of others, in the statement that `point` names."""

    instance: str
    point: Point
    blockers: tuple[str, ...]


@dataclass
class Scheduler:
    """Runs instances one step at a time. It is the gate of their proxies and mocks."""

    blockers: Blockers
    kill_process: Callable[[str], Awaitable[None]] | None = None
    """Kills an instance's process and returns when nothing of it is left, in the database either."""
    steps: list[Step] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    after_step: Callable[[], Awaitable[None]] | None = None
    """Called when everything is at rest again."""
    _calls: dict[str, Call] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _parked: dict[str, list[tuple[Point, asyncio.Future[None]]]] = field(default_factory=dict)
    _waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _at: dict[str, Point] = field(default_factory=dict)
    _known: Footprint | None = None
    _touched: list[Footprint] = field(default_factory=list)
    _results: list[str] = field(default_factory=list)
    _changed: asyncio.Future[bool] | None = None
    _abandoned: bool = False

    def prepare(self, calls: Mapping[str, Call]) -> None:
        """Names the instances, in order. Each begins when it is first stepped."""
        self._calls = dict(calls)

    @property
    def instances(self) -> list[str]:
        """All instances, in order."""
        return list(self._calls)

    @property
    def enabled(self) -> tuple[str, ...]:
        """The instances that can be released, in order."""
        return tuple(name for name in self._calls if self.next_point(name) is not None)

    @property
    def unfinished(self) -> list[str]:
        """The instances that have begun and have not run to their ends."""
        return [name for name in self._tasks if not self.finished(name)]

    def finished(self, instance: str) -> bool:
        """Whether the instance has run to its end."""
        task = self._tasks.get(instance)
        return task is not None and task.done()

    def next_point(self, instance: str) -> Point | None:
        """The point at which the instance is parked; None while it waits for a lock and after it has finished."""
        if instance not in self._tasks:
            return Point("start")
        parked = self._parked.get(instance)
        return parked[0][0] if parked else None

    async def arrive(self, instance: str, point: Point) -> None:
        """Parks the instance until it is released. Called by its proxy and its mocks."""
        if self._abandoned:
            raise AbandonedError
        released = asyncio.get_running_loop().create_future()
        parked = (point, released)
        self._parked.setdefault(instance, []).append(parked)
        self._change()
        try:
            await released
        finally:
            if parked in self._parked[instance]:  # nobody released it: its connection was closed, or its task cancelled
                self._parked[instance].remove(parked)
                self._change()

    @property
    def asks(self) -> bool:
        """Whether it is to be found out what the step touches: it is not, where that is known."""
        return self._known is None

    async def step(self, instance: str, known: Footprint | None = None) -> None:
        """Releases a parked instance and returns when everything is at rest again.

        `known` is what the step is known to touch, from a run that came to it in the same way.

        Raises:
            NotAtRest: something still runs after 15 seconds.
            ValueError: the instance is not parked.
        """
        point = self.next_point(instance)
        if point is None:
            raise ValueError(f"instance {instance} is not parked")
        self.steps.append(Step(instance, point))
        self._at[instance] = point
        self._touched, self._results, self._known = [], [], known
        somebody_waited = bool(self._waiting)
        if instance not in self._tasks:
            self._tasks[instance] = asyncio.create_task(self._calls[instance]())
            self._tasks[instance].add_done_callback(self._change)
        else:
            _, released = self._parked[instance].pop(0)
            released.set_result(None)
        await self._settle()
        if known is not None:
            footprint = known
        elif somebody_waited or self._waiting or (point.kind == "statement" and not self._touched):
            footprint = EVERYTHING  # somebody may have gone on, or got stuck, in the middle of a statement
        else:
            footprint = functools.reduce(Footprint.__or__, self._touched, NOTHING)
        self.steps[-1] = replace(self.steps[-1], footprint=footprint, results=tuple(self._results))
        if self.after_step is not None:
            await self.after_step()

    async def kill(self, instance: str) -> None:
        """Kills an instance where it is, and returns when everything is at rest again.

        Raises:
            NotAtRest: something still runs after 15 seconds.
        """
        if self.kill_process is None:
            raise ValueError(f"instance {instance} cannot be killed")
        self.steps.append(Step(instance, Point("death")))
        await self.kill_process(instance)
        deadline = asyncio.get_running_loop().time() + AT_REST_SECONDS
        while not self.finished(instance) or self._parked.get(instance):
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
            for _, released in parked:
                if not released.done():  # as it is where the connection was closed meanwhile
                    released.set_exception(AbandonedError())
        results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._parked.clear()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, AbandonedError):
                raise result

    def _running(self) -> list[str]:
        return [
            name
            for name, task in self._tasks.items()
            if not task.done() and not self._parked.get(name) and name not in self._waiting
        ]

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + AT_REST_SECONDS
        question_seconds = FIRST_QUESTION_SECONDS
        while True:
            while running := self._running():
                if loop.time() > deadline:
                    names = ", ".join(f"{name} after {self._at[name].label!r}" for name in running)
                    raise NotAtRest(f"still running after {AT_REST_SECONDS:g} s: {names}")
                if not await self._change_within(question_seconds):
                    await self._ask_about(running)
                    question_seconds = min(question_seconds * 2, LAST_QUESTION_SECONDS)
            # Everything is at rest, unless what has just happened let go of somebody who waited.
            waited = self._waiting
            if waited:
                self._waiting = {}
                await self._ask_about(list(waited), waited)
            if self._waiting.keys() == waited.keys():
                return

    async def _ask_about(self, names: Sequence[str], recorded: Mapping[str, tuple[str, ...]] | None = None) -> None:
        for name in names:
            blockers = tuple(await self.blockers(name))
            if not blockers or name not in self._running():
                continue
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
