"""One execution: calls the instances of a scenario, and lets a policy decide who continues."""

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg

from cronproof.domain.database import ROLES
from cronproof.domain.instance import CronResponse, Instance
from cronproof.engine.inconclusive import find_hit, find_reason, find_shared
from cronproof.engine.invariants import Invariants
from cronproof.engine.rig import Rig
from cronproof.explore.circumstances import Direction
from cronproof.explore.execution_spec import ExecutionSpec
from cronproof.explore.executor import ActedByTimer, Environment, Executor
from cronproof.explore.policy import Diverged, NeverReached, Policy
from cronproof.explore.quiescence import NotAtRest
from cronproof.gate.fault import DIES, SIGTERM, FaultName
from cronproof.gate.point import Point
from cronproof.gate.trace import Trace
from cronproof.scenario.when import When

ENDS_CONNECTIONS: frozenset[FaultName] = frozenset(
    {"connection-lost-before", "connection-lost-after", "database-restarts", DIES, SIGTERM}
)

BeforeStep = Callable[[str, Point], Awaitable[None]]
AfterStep = Callable[["Execution"], Awaitable[None]]


class Execution(Environment):
    """Calls the instances, and keeps what they did."""

    def __init__(
        self,
        rig: Rig,
        when: When,
        spec: ExecutionSpec,
        *,
        invariants: Sequence[str] = (),
        before_step: BeforeStep | None = None,
        after_step: AfterStep | None = None,
    ) -> None:
        """Prepares an execution. The hooks are awaited before and after each step."""
        self.trace = Trace()
        self.responses: dict[str, CronResponse] = {}
        self.writers: dict[int, str] = {}
        """The instance that wrote each claim, by the claim's id, if connections do not show it."""
        self.outcome: Mapping[str, Any] = {}
        """What checks and later calls can depend on, once it is collected."""
        self.elapsed = timedelta()
        """How far time was shifted in it."""
        self.inconclusive_reason: str | None = None
        self.never_reached = False
        self.interrupted: str | None = None
        """Which instance somebody else has ended meanwhile, or held for too long."""
        self.acted_by_timer: str | None = None
        """What an instance did by a timer while its call was slow."""
        self._rig = rig
        self._when = when
        self._spec = spec
        self.invariants = Invariants(rig.database, invariants)
        self._before_step = before_step
        self._after_step = after_step

    @property
    def instances(self) -> Sequence[Instance]:
        """The instances, in order."""
        return self._when.instance_list

    def ordered_responses(self) -> list[CronResponse]:
        """Returns the responses, in the order of the instances."""
        return [self.responses[i.name] for i in self.instances if i.name in self.responses]

    async def run(self, policy: Policy) -> None:
        """Calls the instances and lets the policy decide. Afterwards nothing of it still runs."""
        rig = self._rig
        spec = replace(self._spec, invariants_read=await self.invariants.find_read())
        executor = Executor(self, spec, probe=rig.probe if rig.has_channels else None)
        self.trace = executor.trace
        with rig.gated_by(executor):
            executor.prepare({one.name: functools.partial(self._call, one) for one in self.instances})
            try:
                if self._spec.releases is not None:
                    await self._run_while_locked(executor, policy, self._spec.releases)
                await executor.run(policy)
            except NeverReached as error:
                self.inconclusive_reason, self.never_reached = str(error), True
            except ActedByTimer as error:
                self.inconclusive_reason = self.acted_by_timer = str(error)
            except (NotAtRest, Diverged) as error:
                self.inconclusive_reason = str(error)
            finally:
                if executor.unfinished:  # it must not block instances or affect the next execution
                    await rig.terminate()
                    await rig.target.abandon()
                await executor.abandon()
        ended = [step for step in self.trace.steps if step.fault in ENDS_CONNECTIONS]
        rig.must_reconnect.update((name, role) for name in find_hit(ended, self.instances) for role in ROLES)
        if self.elapsed:
            await rig.shift_time(-self.elapsed)
        stray = rig.take_stray(self.trace.stray)
        self.interrupted = rig.target.find_interrupted() or rig.find_ran_out()
        reasons = (
            self.interrupted,
            find_shared(rig),
            self.inconclusive_reason,
            stray,
            find_reason(rig, self._when, self),
        )
        self.inconclusive_reason = next(filter(None, reasons), None)

    async def _run_while_locked(self, executor: Executor, policy: Policy, releases: Direction) -> None:
        """Runs the instances as far as they can while all rows are locked from outside, then releases
        the rows for which one waits, one at a time: all at once, they would race.
        """
        rig = self._rig
        works = rig.application.works_of(self._when.call)
        tables = dict.fromkeys(work.table for work in works or rig.application.works)
        async with rig.database.rows_locked(list(tables)) as locks:
            await executor.run(policy, until_blocked=True)
            owners = rig.owners
            pids = sorted(owners, key=lambda pid: (owners[pid], pid))  # by instance, then in the order of connecting
            for _ in range(await locks.separate(pids)):
                await locks.release(last=releases == "backward")
                await executor.settle()
                await executor.run(policy, until_blocked=True)

    async def _call(self, instance: Instance) -> None:
        secrets: Mapping[str, str | None] = {"right": self._rig.target.secret, "wrong": "not the secret", "none": None}
        response = await self._rig.target.call(instance, method=self._when.method, secret=secrets[self._when.secret])
        if response is not None:
            self.responses[instance.name] = response

    async def blockers(self, instance: str) -> Sequence[str]:
        """Asks the server which instances hold a lock that this one waits for."""
        return await self._rig.blockers(instance)

    async def end(self, instance: str, fault: FaultName) -> bool:
        """Kills the instance's process, or sends it SIGTERM. Returns whether it has ended.

        Raises:
            ValueError: it is no process of ours.
        """
        target = self._rig.target
        if not (target.can_die if fault == DIES else target.takes_signals):
            await super().end(instance, fault)
        return await self._rig.end(instance, fault)

    async def pass_time(self) -> None:
        """Shifts the time of rows and messages by the period.

        Raises:
            NotAtRest: an instance keeps rows locked.
        """
        if not self._spec.period:
            return
        try:
            await self._rig.shift_time(self._spec.period)
        except psycopg.errors.LockNotAvailable:
            raise NotAtRest("time cannot pass while an instance holds rows: a slow call keeps them locked") from None
        self.elapsed += self._spec.period

    async def before_step(self, choice: str, point: Point) -> None:
        """Awaits the hook."""
        if self._before_step is not None:
            await self._before_step(choice, point)

    async def after_step(self, trace: Trace) -> None:
        """Awaits the hook. Without one, records who claimed what on a shared server."""
        self._rig.look_for_shared(trace.steps[-1].instance)
        await self.invariants.look(trace.steps[-1])
        if self._after_step is not None:
            await self._after_step(self)
        elif self._rig.target.is_shared:
            # A claim that has become visible was written by the instance that took the step.
            for write in (await self._rig.database.digest()).claim_writes:
                self.writers.setdefault(write.id, trace.steps[-1].instance)
