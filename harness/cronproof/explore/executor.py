"""The executor: holds every instance at its points, and releases one step at a time, by policy.

It is the gate of proxies and services. An instance is held at a point, runs, waits for a lock, or
has ended. After a step, the executor waits until nothing runs (`quiescence.py`). An instance may do
several things at once (`Promise.all`, a pool): each is a channel (`A`, `A.2`), held separately.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace

from cronproof.explore import quiescence
from cronproof.explore.channels import Channels, Parked
from cronproof.explore.execution_spec import ExecutionSpec
from cronproof.explore.policy import Policy, without_preemption
from cronproof.explore.quiescence import IdleProbe, NotAtRest, Quiescence
from cronproof.explore.statements import Statements
from cronproof.gate.fault import (
    DIES,
    SIGTERM,
    SLOWNESS,
    FaultName,
    channel_of,
    instance_of,
    is_fault,
    parse_choice,
    possible_faults,
    with_fault,
)
from cronproof.gate.footprint import EVERYTHING, NOTHING, Footprint
from cronproof.gate.gate import SHARED, AbandonedError, Channel, Release
from cronproof.gate.names import changes_nothing
from cronproof.gate.point import Depth, Point
from cronproof.gate.trace import Decision, Step, Trace
from cronproof.internal_errors import watch


class ActedByTimer(Exception):
    """An instance did something by a timer while its call was slow, or gave the call up."""

    def __init__(self, instance: str, point: Point, *, gave_up: bool) -> None:
        """Says what it did, or which call it gave up."""
        did = "gave it up" if gave_up else "did something"
        means = (
            "its calls may never be slow for so long (if so, list its faults without slow-before and slow-after)"
            if gave_up
            else "it may renew what expires"
        )
        super().__init__(
            f"while a call of {instance} was slow, {instance} {did} by a timer ({point.label}): {means}, "
            "and time that passes at once lets no timer act"
        )


Call = Callable[[], Coroutine[None, None, None]]
"""Calls an instance's cron and keeps its answer; never raises."""

START = Point("start")


class Environment:
    """What the executor needs of the instances' surroundings. This default has no database."""

    async def blockers(self, instance: str) -> Sequence[str]:  # noqa: ARG002  (nobody waits here)
        """Returns the instances that hold a lock for which this one waits."""
        return ()

    async def end(self, instance: str, fault: FaultName) -> bool:
        """Kills an instance, or sends it SIGTERM and lets it react. Returns whether it has ended: then nothing of it
        is left, not even in the database.

        Raises:
            ValueError: that cannot be done to it.
        """
        raise ValueError(f"instance {instance} cannot meet {fault}")

    async def pass_time(self) -> None:
        """Shifts time until the crons are due again."""

    async def before_step(self, choice: str, point: Point) -> None:
        """Called before each step."""

    async def after_step(self, trace: Trace) -> None:
        """Called after each step, when everything is at rest."""


class Executor:
    """Runs instances one step at a time."""

    def __init__(
        self,
        environment: Environment | None = None,
        spec: ExecutionSpec | None = None,
        *,
        probe: IdleProbe | None = None,
    ) -> None:
        """Prepares one execution. With a `probe`, instances may do several things at once."""
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
        self._statements = Statements(self._spec.apart)
        self._abandoned = False
        self._dead: set[str] = set()

    def prepare(self, calls: Mapping[str, Call]) -> None:
        """Sets the instances, in order. Each is called at its first step."""
        self._calls = dict(calls)
        self.trace.instances = list(calls)

    async def run(self, policy: Policy, *, until_blocked: bool = False) -> Trace:
        """Takes the policy's steps until all instances end. `until_blocked`: or none can continue.

        Raises:
            NotAtRest: something still runs after 15 seconds.
            ActedByTimer: an instance did something by a timer while its call was slow.
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
        position, waits = len(self.trace.decisions), len(self.trace.waits)
        await self.step(choice, self._spec.known[position] if position < len(self._spec.known) else None)
        step = self.trace.steps[-1]
        piece = self._statements.find_piece(channel_of(choice), step.point, self.trace.waits[waits:])
        self.trace.decisions.append(Decision(tuple(enabled), choice, step.footprint, piece))

    @property
    def instances(self) -> list[str]:
        """All instances, in order."""
        return list(self._calls)

    @property
    def choices(self) -> dict[str, Point]:
        """All choices, in order: channels that can continue, then each with each possible fault."""
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
        """Whether the instance's call has ended and none of its channels is held."""
        task = self._tasks.get(instance)
        return task is not None and task.done() and not self._channels.is_parked(instance)

    def next_point(self, name: str) -> Point | None:
        """Returns the point at which a channel, or an instance's first one, is held, if it is."""
        if instance_of(name) not in self._tasks:
            return START
        parked = self._channels.find(name)
        return parked.point if parked else None

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        """Holds a channel until it is released. Called by the instance's proxy and services.

        Raises:
            AbandonedError: the execution was abandoned, or the instance was killed.
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
        """Returns the instance of a shared server that uses the channel, else the running one."""
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
        """Whether the footprint of the current step is wanted and not yet known."""
        return self._spec.observes and self._known is None

    async def step(self, choice: str, known: Footprint | None = None) -> None:
        """Releases a channel, with the fault of the choice, and waits until everything is at rest.

        `known` is the footprint of the step, if it is known.

        Raises:
            NotAtRest: something still runs after 15 seconds.
            ActedByTimer: an instance did something by a timer while its call was slow.
            ValueError: the channel is not held, or the fault cannot happen there.
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
        if fault in (DIES, SIGTERM):
            await self._end(instance, fault)
        elif fault != "slow-before":
            await self._release(instance, point, parked, fault, known)
        if fault is not None:
            self.trace.steps[-1] = replace(self.trace.steps[-1], footprint=EVERYTHING)
        if fault in SLOWNESS:
            self.trace.slow.add(name)
            if self._spec.listen_seconds:
                await self._listen(name)
            if not self._spec.is_sequential:
                await self._environment.pass_time()
        await self._environment.after_step(self.trace)

    async def _listen(self, name: str) -> None:
        """Waits for what an instance does by itself while a call of this channel is slow. What a pool asks
        before it gives a connection away is let through: the renewal may come after it.

        Raises:
            ActedByTimer: it did something, or gave the call up.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._spec.listen_seconds
        instance, slow = instance_of(name), self._channels.find(name)
        parked = self._channels.parked.get(instance, [])
        held = list(parked)
        while slow is not None and (left := deadline - loop.time()) > 0:
            await self._rest.change_within(left)
            if slow not in parked:
                raise ActedByTimer(instance, slow.point, gave_up=True)
            for one in [one for one in parked if one not in held]:
                if not changes_nothing(one.point):
                    raise ActedByTimer(instance, one.point, gave_up=False)
                self._rest.disturb(instance)
                parked.remove(one)
                one.released.set_result(None)
        await self._rest.settle()  # what came meanwhile has to be numbered

    def _comes_later(self, instance: str) -> bool:
        """Whether this is the instance's first step after its start, but not the first of all."""
        begun = {step.instance for step in self.trace.steps if step.point.kind != "start"}
        return bool(begun) and instance not in begun and instance in self._tasks

    async def _release(
        self, instance: str, point: Point, parked: Parked | None, fault: FaultName | None, known: Footprint | None
    ) -> None:
        self._rest.at[instance] = point
        self._touched, self._results, self._known = [], [], known
        self._statements.begin_step(channel_of(self.trace.steps[-1].name), point)
        somebody_waited = bool(self._rest.waiting)
        self._rest.disturb(instance)
        if parked is None:
            self.trace.started.add(instance)
            self._tasks[instance] = asyncio.create_task(self._calls[instance]())
            self._tasks[instance].add_done_callback(functools.partial(self._ended, instance))
            watch(self._tasks[instance], AbandonedError)
        else:
            self._channels.parked[instance].remove(parked)
            parked.released.set_result(fault)
        # If another channel of a waiting instance continues, check again whether it waits.
        waited = self._rest.waiting.pop(instance, None)
        await self._rest.settle({} if waited is None else {instance: waited})
        if known is not None:
            footprint = known
        elif somebody_waited or self._rest.waiting or (point.kind in {"statement", "inside"} and not self._touched):
            footprint = EVERYTHING  # an instance may have continued or stopped in mid-statement
        else:
            footprint = functools.reduce(Footprint.__or__, self._touched, NOTHING).shown_to(self._spec.invariants_read)
        self.trace.steps[-1] = replace(self.trace.steps[-1], footprint=footprint, results=tuple(self._results))

    def _ended(self, instance: str, _: object) -> None:
        self._rest.disturb(instance)
        self._rest.notify()

    async def _end(self, instance: str, fault: FaultName) -> None:
        if fault == DIES:
            self._dead.add(instance)
        if await self._environment.end(instance, fault):
            deadline = asyncio.get_running_loop().time() + quiescence.AT_REST_SECONDS
            while not self.finished(instance):
                if asyncio.get_running_loop().time() > deadline:
                    seconds = quiescence.AT_REST_SECONDS
                    raise NotAtRest(f"{instance} met {fault}, but had not ended after {seconds:g} s")
                await self._rest.change_within(quiescence.LAST_QUESTION_SECONDS)
            self._rest.waiting.pop(instance, None)
        else:
            self._rest.disturb(instance)
        await self._rest.settle()

    @property
    def takes_apart(self) -> bool:
        """Whether statements are taken apart."""
        return bool(self._spec.apart)

    def depth_of(self, point: Point) -> Depth | None:
        """Returns how far the statement of this point is taken apart; None if it stays whole."""
        return self._statements.depth_of(point)

    def record_statement(self, *, is_divisible: bool, locks_unseen: bool) -> None:
        """Records what can be done with the statement of the current step."""
        self._statements.note_statement(is_divisible=is_divisible, locks_unseen=locks_unseen)

    def record_row(self, row: str) -> None:
        """Records a row that a statement changes."""
        self._statements.note_row(row)

    def record_footprint(self, footprint: Footprint) -> None:
        """Records what was touched since the last step."""
        self._touched.append(footprint)

    def record_result(self, instance: str, result: str) -> None:
        """Records a result of the released instance, or of one that waited."""
        steps = self.trace.steps
        is_released = bool(steps) and steps[-1].instance == instance
        self._results.append(result if is_released else f"{instance}: {result}")

    async def settle(self) -> None:
        """Waits until everything is at rest, after locks were released from outside.

        Raises:
            NotAtRest: something still runs after 15 seconds.
        """
        await self._rest.settle()

    async def until_something_moves(self) -> None:
        """Waits until a waiting instance continues by itself: the server broke a deadlock.

        Raises:
            NotAtRest: nothing has moved in 15 seconds.
        """
        if not await self._rest.change_within(quiescence.AT_REST_SECONDS):
            names = ", ".join(self._rest.waiting)
            raise NotAtRest(f"{names} waited for a lock for {quiescence.AT_REST_SECONDS:g} s")
        await self._rest.settle()

    async def abandon(self) -> None:
        """Cancels whatever still runs or is held. The connections of held statements are closed."""
        self._abandoned = True
        for task in self._tasks.values():
            task.cancel()
        for one in self._channels.all_parked:
            if not one.released.done():  # it is done if the connection was closed
                one.released.set_exception(AbandonedError())
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._channels.parked.clear()
