"""Quiescence: after a step the executor waits until everything is at rest again.

An instance is at rest when it is held at a point, waits for a lock, or has ended. The server says
whether it waits; this is never guessed from timing. An instance that does several things at once
is at rest when its process is: all threads sleep and have read all their input.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from cronproof.explore.channels import Channels
from cronproof.gate.point import Point
from cronproof.gate.trace import Trace, Wait

AT_REST_SECONDS = 15.0
FIRST_QUESTION_SECONDS = 0.002
LAST_QUESTION_SECONDS = 0.05
PROBE_SECONDS = 0.0003
ROUNDS = 8

Blockers = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the instances that hold a lock the named one waits for; none if it does not wait."""


class IdleProbe(Protocol):
    """Tells whether an instance that may do several things at once is at rest."""

    def is_idle(self, name: str) -> bool:
        """Whether nothing of the instance's process runs."""

    def is_busy(self, name: str) -> bool:
        """Whether the instance waits for an answer from the database."""

    def activity(self, name: str) -> int:
        """Returns a counter of all that the instance exchanges with the database and services."""


class NotAtRest(Exception):
    """An instance did not come to rest in time."""


class Quiescence:
    """Waits until instances are at rest. `tasks` are their calls. Lock waits go to the trace."""

    def __init__(
        self,
        tasks: Mapping[str, asyncio.Task[None]],
        channels: Channels,
        blockers: Blockers,
        probe: IdleProbe | None,
        trace: Trace,
    ) -> None:
        self.waiting: dict[str, tuple[str, ...]] = {}
        """The instances that wait for a lock, with its holders."""
        self.at: dict[str, Point] = {}
        """The point from which each instance was released last."""
        self._tasks = tasks
        self._channels = channels
        self._blockers = blockers
        self._probe = probe
        self._trace = trace
        self._at_rest: set[str] = set()
        self._changed: asyncio.Future[bool] | None = None

    def disturb(self, instance: str) -> None:
        """Marks an instance as possibly running."""
        self._at_rest.discard(instance)

    def notify(self, _: object = None) -> None:
        """Wakes a waiter for a change."""
        if self._changed is not None:
            _resolve(self._changed, True)

    async def settle(self, recorded: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Waits until everything is at rest. `recorded` are waits that are in the trace already.

        Raises:
            NotAtRest: something still runs after 15 seconds.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + AT_REST_SECONDS
        question_seconds = FIRST_QUESTION_SECONDS
        while True:
            while running := self._running():
                if loop.time() > deadline:
                    names = ", ".join(f"{name} after {self.at[name].label!r}" for name in running)
                    raise NotAtRest(f"still running after {AT_REST_SECONDS:g} s: {names}")
                if self._probe is not None and await self._come_to_rest(self._probe, running):
                    continue
                if not await self.change_within(PROBE_SECONDS if self._probe is not None else question_seconds):
                    await self._find_waits(running, recorded)
                    question_seconds = min(question_seconds * 2, LAST_QUESTION_SECONDS)
            # Everything is at rest, unless the last change released a lock that was waited for.
            waited = self.waiting
            if waited:
                self.waiting = {}
                self._at_rest -= waited.keys()
                await self._find_waits(list(waited), waited)
            if self.waiting.keys() == waited.keys():
                return

    async def change_within(self, seconds: float) -> bool:
        """Waits up to `seconds`. Returns whether an instance reached a point or ended."""
        loop = asyncio.get_running_loop()
        self._changed = loop.create_future()
        timer = loop.call_later(seconds, _resolve, self._changed, False)
        try:
            return await self._changed
        finally:
            timer.cancel()

    def _running(self) -> list[str]:
        started = [name for name in self._tasks if name not in self.waiting]
        if self._probe is not None:
            return [name for name in started if name not in self._at_rest]
        return [name for name in started if not self._tasks[name].done() and not self._channels.is_parked(name)]

    async def _come_to_rest(self, probe: IdleProbe, names: Sequence[str]) -> bool:
        """Marks instances at rest: held or ended, nothing in transit. Returns whether any are."""
        before = set(self._at_rest)
        for name in names:
            is_stopped = self._channels.is_parked(name) or self._tasks[name].done()
            if not is_stopped or probe.is_busy(name) or not await _is_quiet(probe, name):
                continue
            if not probe.is_busy(name):  # what was released a moment ago may have reached the database only now
                self._rest(name)
        return self._at_rest != before

    def _rest(self, name: str) -> None:
        self._at_rest.add(name)
        self._trace.most_channels = max(self._trace.most_channels, self._channels.assign_numbers(name))

    async def _find_waits(self, names: Sequence[str], recorded: Mapping[str, tuple[str, ...]] | None = None) -> None:
        for name in names:
            blockers = tuple(await self._blockers(name))
            if not blockers or name not in self._running():
                continue
            if self._probe is not None:
                if not await _is_quiet(self._probe, name):
                    continue
                self._rest(name)
            self.waiting[name] = blockers
            if recorded is None or recorded.get(name) != blockers:
                self._trace.waits.append(Wait(name, self.at[name], blockers))


async def wait_until_quiet(probe: IdleProbe, name: str) -> None:
    """Waits until an instance's process sleeps, and the database owes it nothing.

    Raises:
        NotAtRest: it does something all the time.
    """
    deadline = asyncio.get_running_loop().time() + AT_REST_SECONDS
    # What it sent a moment ago may reach the database only while it is looked at.
    while not await _is_quiet(probe, name) or probe.is_busy(name):
        if asyncio.get_running_loop().time() > deadline:
            raise NotAtRest(f"{name} was started, and did something all the time for {AT_REST_SECONDS:g} s")
        await asyncio.sleep(PROBE_SECONDS)


async def _is_quiet(probe: IdleProbe, name: str) -> bool:
    """Whether an instance's process sleeps, and nothing is in transit from it or to it."""
    before = probe.activity(name)
    for _ in range(2):  # at first it may still react to something it just received
        if not probe.is_idle(name):
            return False
        for _ in range(ROUNDS):  # lets data be sent, and received data count as activity
            await asyncio.sleep(0)
    return probe.activity(name) == before


def _resolve(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)
