"""Instances as plain coroutines: programs over a few variables, and lists of points."""

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

from cronproof.explore.execution_spec import ExecutionSpec
from cronproof.explore.executor import Environment, Executor
from cronproof.explore.explorer import policy_for
from cronproof.explore.policy import Policy
from cronproof.explore.schedule import ExecutedSchedule
from cronproof.explore.strategy import Strategy
from cronproof.gate.fault import FaultName, Faults
from cronproof.gate.footprint import Access, Footprint
from cronproof.gate.point import Point
from cronproof.gate.trace import Trace

Operation = tuple[Access, str]


Program = Sequence[Operation]


@dataclass
class Machine(Environment):
    """Programs over a few variables. A write stores all that was read. A lock waits."""

    programs: Sequence[Program]
    faults: Faults | None = None
    variables: dict[str, str] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    read: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, policy: Policy) -> tuple[Trace, str]:
        self.variables, self.holders = {}, {}
        self.read = {name: [] for name in self.names}
        self.released = {name: asyncio.Event() for name in self.names}
        self.executor = Executor(self, ExecutionSpec(faults=self.faults, observes=True))
        calls = {
            name: functools.partial(self.call, name, program)
            for name, program in zip(self.names, self.programs, strict=True)
        }
        self.executor.prepare(calls)
        trace = await self.executor.run(policy)
        return trace, repr((sorted(self.variables.items()), sorted(self.read.items())))

    @property
    def names(self) -> list[str]:
        return [chr(ord("A") + number) for number in range(len(self.programs))]

    async def end(self, instance: str, fault: FaultName) -> bool:
        self.calls[instance].cancel()
        return True

    async def call(self, name: str, program: Program) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.calls[name] = task
        for access, variable in program:
            release = await self.executor.arrive(name, Point("statement", f"{access} {variable}"))
            if release.fault is not None:
                self.read[name].append(release.fault)
                continue
            match access:
                case "read":
                    self.read[name].append(self.variables.get(variable, ""))
                case "write":
                    self.variables[variable] = f"{name}({','.join(self.read[name])})"
                case "lock":
                    self.holders[variable] = name
            self.executor.record_footprint(Footprint({variable: access}))


def explored(search: Strategy, machine: Machine) -> tuple[list[ExecutedSchedule], list[str]]:
    async def main() -> tuple[list[ExecutedSchedule], list[str]]:
        runs, outcomes = [], []
        while items := search.take(search.batch):
            for item in items:
                policy = policy_for(item)
                trace, outcome = await machine.run(policy)
                executed = policy.executed(item, trace)
                search.observe(executed)
                runs.append(executed)
                outcomes.append(outcome)
        return runs, outcomes

    return asyncio.run(main())


def schedules(runs: Sequence[ExecutedSchedule]) -> list[tuple[str, ...]]:
    return [run.schedule for run in runs]


READ: Operation = ("read", "x")


WRITE: Operation = ("write", "x")


class Instances:
    """Instances that pass a few points and record what they did."""

    def __init__(self, **points: Sequence[Point]) -> None:
        self.done: list[str] = []
        self.executor = Executor()
        self._points = points
        self.executor.prepare({name: functools.partial(self._run, name) for name in points})

    async def _run(self, name: str) -> None:
        for point in self._points[name]:
            await self.executor.arrive(name, point)
            self.done.append(f"{name}{point.text}")


def statements(*texts: str) -> list[Point]:
    return [Point("statement", text) for text in texts]
