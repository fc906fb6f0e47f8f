"""The executor: holds every instance at its points, and lets go whom a policy chooses, one step at a time.

It is the gate of the instances' proxies and services. An instance is held at a point, runs, waits for a lock, or has ended.
After a step everything is at rest again: nobody runs (`quiescence.py`). An instance can do several things at once
(`Promise.all`, a pool of connections): each is a channel of it, `A`, `A.2`, which is held and released by itself.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from cronproof.explore import quiescence
from cronproof.explore.channels import Channels, Parked
from cronproof.explore.policy import Policy, without_preemption
from cronproof.explore.quiescence import IdleProbe, NotAtRest, Quiescence
from cronproof.gate.fault import (
    DIES,
    SLOWNESS,
    FaultName,
    Faults,
    channel_of,
    instance_of,
    is_fault,
    parse_choice,
    possible_faults,
    with_fault,
)
from cronproof.gate.footprint import EVERYTHING, NOTHING, Footprint
from cronproof.gate.gate import SHARED, AbandonedError, Channel, Release
from cronproof.gate.point import Point
from cronproof.gate.trace import Decision, Step, Trace

Call = Callable[[], Coroutine[None, None, None]]
"""Calls an instance's cron and keeps its answer; never raises."""

START = Point("start")


@dataclass(frozen=True)
class ExecutionSpec:
    """What is fixed before an execution begins."""

    faults: Faults | None = None
    """The faults that can be injected."""
    period: timedelta = timedelta()
    """How long until the crons are due again."""
    is_sequential: bool = False
    """Whether each instance is called only when the crons are due again, and not at the same time as the one before."""
    observes: bool = False
    """Whether it is found out what each step touches."""
    locks_rows: bool = False
    """Whether somebody else holds every unit's row locked until no instance can go on."""
    known: Sequence[Footprint] = ()
    """What the first decisions touch, from an execution that came to them in the same way."""


class Environment:
    """What the executor asks of the world around the instances, and does to it. This one has no database."""

    async def blockers(self, instance: str) -> Sequence[str]:  # noqa: ARG002  (nobody waits here)
        """The instances that hold a lock for which this one waits."""
        return ()

    async def kill(self, instance: str) -> None:
        """Kills an instance, and returns when nothing of it is left, in the database either.

        Raises:
            ValueError: it cannot be killed.
        """
        raise ValueError(f"instance {instance} cannot be killed")

    async def pass_time(self) -> None:
        """Lets as much time pass as there is until the crons are due again."""

    async def before_step(self, choice: str, point: Point) -> None:
        """Is told of each step before it is taken."""

    async def after_step(self, trace: Trace) -> None:
        """Is told of each step when everything is at rest again."""


class Executor:
    """Runs instances one step at a time."""

    def __init__(
        self,
        environment: Environment | None = None,
        spec: ExecutionSpec | None = None,
        *,
        probe: IdleProbe | None = None,
    ) -> None:
        """An executor of one execution. With a `probe`, instances may do several things at once."""
        self.trace = Trace()
        self._environment = environment or Environment()
        self._spec = spec or ExecutionSpec()
        self._calls: dict[str, Call] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._channels = Channels(are_numbered=probe is not None)
        self._rest = Quiescence(self._tasks, self._channels, self._environment.blockers, probe, self.trace)
        self._known: Footprint | None = None
        self._touched: list[Footprint] = []
        self._results: list[str] = []
        self._abandoned = False
        self._dead: set[str] = set()

    def prepare(self, calls: Mapping[str, Call]) -> None:
        """Names the instances, in order. Each begins with its first step."""
        self._calls = dict(calls)
        self.trace.instances = list(calls)

    async def run(self, policy: Policy, *, until_blocked: bool = False) -> Trace:
        """Takes the steps that the policy chooses until every instance has ended; `until_blocked`, until none can go on.

        Raises:
            NotAtRest: something still runs after 15 seconds.
            Exception: what the policy raises.
        """
        while not all(map(self.finished, self._calls)):
            enabled = self.choices
            if not enabled:
                if until_blocked:
                    break
                await self.until_something_moves()
                continue
            choice = policy.choose(enabled, self.trace)
            if choice is None:
                channels = [one for one in enabled if not is_fault(one)]
                choice = without_preemption(channels, self.trace.running, self.trace.slow)
            await self._environment.before_step(choice, enabled[channel_of(choice)])
            await self._decide(choice, enabled)
        return self.trace

    async def _decide(self, choice: str, enabled: Mapping[str, Point]) -> None:
        if instance_of(choice) not in self._tasks:
            await self.step(choice)
            return
        position = len(self.trace.decisions)
        await self.step(choice, self._spec.known[position] if position < len(self._spec.known) else None)
        self.trace.decisions.append(Decision(tuple(enabled), choice, self.trace.steps[-1].footprint))

    @property
    def instances(self) -> list[str]:
        """All instances, in order."""
        return list(self._calls)

    @property
    def choices(self) -> dict[str, Point]:
        """What can be chosen, in order: the channels that are held, then each of them with each fault that it can meet."""
        choices: dict[str, Point] = {}
        for instance in self._calls:
            if instance in self._tasks:
                choices.update(self._channels.names(instance))
            else:
                choices[instance] = START
        faults = self._spec.faults
        if faults is not None and self.trace.faults < faults.at_most:
            choices |= {with_fault(name, fault): point for name, point in choices.items() for fault in faults.at(point)}
        return choices

    @property
    def unfinished(self) -> list[str]:
        """The instances that have begun and have not ended."""
        return [name for name in self._tasks if not self.finished(name)]

    def finished(self, instance: str) -> bool:
        """Whether the instance has ended, with everything that it had left undone when it answered."""
        task = self._tasks.get(instance)
        return task is not None and task.done() and not self._channels.is_parked(instance)

    def next_point(self, name: str) -> Point | None:
        """The point at which a channel is held, or the first channel of an instance. None while it waits, and at the end."""
        if instance_of(name) not in self._tasks:
            return START
        parked = self._channels.find(name)
        return parked.point if parked else None

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        """Holds a channel of the instance until it is released. Called by its proxy and its services.

        Raises:
            AbandonedError: the execution was given up, or the instance is dead.
        """
        if self._abandoned or instance in self._dead:
            raise AbandonedError
        if instance == SHARED:
            instance = self._identify(channel)
        if instance not in self._tasks and self.trace.stray is None:
            self.trace.stray = f"{instance} did something before it was called ({point.label})"
        if not self._channels.are_numbered:
            self.trace.was_concurrent |= self._channels.is_parked(instance) or self._does_more(instance, channel)
        parked = self._channels.park(instance, point, channel)
        self._rest.disturb(instance)
        self._rest.notify()
        try:
            fault = await parked.released
        finally:
            held = self._channels.parked.get(instance, [])
            if parked in held:  # nobody released it: its connection was closed, or its task cancelled
                held.remove(parked)
                self._rest.notify()
        return Release(instance, fault)

    def _identify(self, channel: Channel | None) -> str:
        """With one shared server: the instance that already uses the channel, else the running one."""
        if user := self._channels.user_of(channel):
            return user
        running = [
            name
            for name, task in self._tasks.items()
            if name not in self._rest.waiting and not self._channels.is_parked(name) and not task.done()
        ]
        self.trace.was_ambiguous |= len(running) != 1
        self._channels.forget(channel)
        return running[0] if running else self.instances[0]

    def _does_more(self, instance: str, channel: Channel | None) -> bool:
        """Whether the instance has ended, or still waits for an answer on another channel."""
        task = self._tasks.get(instance)
        return (task is not None and task.done()) or self._channels.others_are_busy(instance, channel)

    @property
    def wants_footprint(self) -> bool:
        """Whether it should be found out what the step touches. Not where that is known."""
        return self._spec.observes and self._known is None

    async def step(self, choice: str, known: Footprint | None = None) -> None:
        """Releases a channel, with a fault if the choice says so, and returns when everything is at rest again.

        `known` is what the step is known to touch.

        Raises:
            NotAtRest: something still runs after 15 seconds.
            ValueError: the channel is not held, or cannot meet the fault.
        """
        name, fault = parse_choice(choice)
        instance = instance_of(name)
        if self._spec.is_sequential and self._comes_later(instance):
            await self._environment.pass_time()
        parked = self._channels.find(name) if instance in self._tasks else None
        if parked is None and instance in self._tasks:
            raise ValueError(f"instance {name} is not parked")
        point = parked.point if parked else START
        if fault is not None and fault not in possible_faults(point):
            raise ValueError(f"{fault} cannot happen at {point.label!r}")
        self.trace.steps.append(Step(instance, point, channel=parked.number if parked else 1, fault=fault))
        if fault == DIES:
            await self._kill(instance)
        elif fault != "slow-before":
            await self._release(instance, point, parked, fault, known)
        if fault is not None:
            self.trace.steps[-1] = replace(self.trace.steps[-1], footprint=EVERYTHING)
        if fault in SLOWNESS:
            self.trace.slow.add(name)
            if not self._spec.is_sequential:
                await self._environment.pass_time()
        await self._environment.after_step(self.trace)

    def _comes_later(self, instance: str) -> bool:
        """Whether the instance is about to take its first step, and another one has taken some."""
        begun = {step.instance for step in self.trace.steps if step.point.kind != "start"}
        return bool(begun) and instance not in begun and instance in self._tasks

    async def _release(
        self, instance: str, point: Point, parked: Parked | None, fault: FaultName | None, known: Footprint | None
    ) -> None:
        self._rest.at[instance] = point
        self._touched, self._results, self._known = [], [], known
        somebody_waited = bool(self._rest.waiting)
        self._rest.disturb(instance)
        if parked is None:
            self.trace.started.add(instance)
            self._tasks[instance] = asyncio.create_task(self._calls[instance]())
            self._tasks[instance].add_done_callback(functools.partial(self._ended, instance))
        else:
            self._channels.parked[instance].remove(parked)
            parked.released.set_result(fault)
        # Another channel of an instance that waits goes on, so it must be asked again whether all of it waits.
        waited = self._rest.waiting.pop(instance, None)
        await self._rest.settle({} if waited is None else {instance: waited})
        if known is not None:
            footprint = known
        elif somebody_waited or self._rest.waiting or (point.kind == "statement" and not self._touched):
            footprint = EVERYTHING  # somebody may have gone on, or stopped, in the middle of a statement
        else:
            footprint = functools.reduce(Footprint.__or__, self._touched, NOTHING)
        self.trace.steps[-1] = replace(self.trace.steps[-1], footprint=footprint, results=tuple(self._results))

    def _ended(self, instance: str, _: object) -> None:
        self._rest.disturb(instance)
        self._rest.notify()

    async def _kill(self, instance: str) -> None:
        self._dead.add(instance)
        await self._environment.kill(instance)
        deadline = asyncio.get_running_loop().time() + quiescence.AT_REST_SECONDS
        while not self.finished(instance):
            if asyncio.get_running_loop().time() > deadline:
                raise NotAtRest(f"{instance} was killed, and still holds on after {quiescence.AT_REST_SECONDS:g} s")
            await self._rest.change_within(quiescence.LAST_QUESTION_SECONDS)
        self._rest.waiting.pop(instance, None)
        await self._rest.settle()

    def record_footprint(self, footprint: Footprint) -> None:
        """Notes what was touched since the last step."""
        self._touched.append(footprint)

    def record_result(self, instance: str, result: str) -> None:
        """Notes a result since the last step, of the instance that was released or of one that waited."""
        steps = self.trace.steps
        is_released = bool(steps) and steps[-1].instance == instance
        self._results.append(result if is_released else f"{instance}: {result}")

    async def until_something_moves(self) -> None:
        """Returns when an instance that waited goes on although nobody was released: the server broke a deadlock.

        Raises:
            NotAtRest: nothing has moved in 15 seconds.
        """
        if not await self._rest.change_within(quiescence.AT_REST_SECONDS):
            names = ", ".join(self._rest.waiting)
            raise NotAtRest(f"{names} waited for a lock for {quiescence.AT_REST_SECONDS:g} s")
        await self._rest.settle()

    async def abandon(self) -> None:
        """Cancels what still runs or is held. The connection of a statement that is held is closed: it cannot go on.

        Raises:
            Exception: whatever a call has raised, which it should not.
        """
        self._abandoned = True
        for task in self._tasks.values():
            task.cancel()
        for held in self._channels.parked.values():
            for one in held:
                if not one.released.done():  # as it is where the connection was closed meanwhile
                    one.released.set_exception(AbandonedError())
        results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._channels.parked.clear()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, AbandonedError):
                raise result
