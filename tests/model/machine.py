"""Random plays of crons: what every state machine here has, whatever rows it plays on."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from cronproof.engine.runner import Plan, Session, session_on
from cronproof.engine.scenario_runner import Stage
from cronproof.explore import named_orders
from cronproof.explore.executor import Scheduler
from cronproof.gate import fault as faulty
from cronproof.gate.fault import FaultName
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.services.exchange import CallClock, Message
from cronproof.services.openphone import Scripted
from cronproof.targets import in_process
from fixtures.crons.app import create_app
from tests.conftest import Await


@dataclass
class Clock:
    """What the application's clock shows. That of the database is not in our hands."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class AtRandom:
    """Instances that go on in random order, and at most one fault, at the first point from a certain step where it can be."""

    seed: int
    fault: FaultName | None = None
    at_step: int = 0

    async def __call__(self, scheduler: Scheduler) -> None:
        chance, fault = random.Random(self.seed), self.fault  # noqa: S311  (chooses, and keeps no secret)
        while parked := [name for name in scheduler.instances if scheduler.next_point(name) is not None]:
            name = chance.choice([name for name in parked if name not in scheduler.slow] or parked)
            point = scheduler.next_point(name)
            assert point is not None
            if fault is not None and len(scheduler.steps) >= self.at_step and fault in faulty.possible(point):
                await scheduler.step(faulty.with_fault(name, fault))
                fault = None
            else:
                await scheduler.step(name)
        await named_orders.one_after_the_other(scheduler)


class Machine(RuleBasedStateMachine):
    """Rules and invariants are those of the classes below it."""

    opened: ClassVar[Session]
    waiting: ClassVar[Await]
    clock: ClassVar[Clock]
    stages: ClassVar[Mapping[tuple[str, int], Stage]]

    def await_(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return type(self).waiting(coroutine)

    def put(self, inserts: Sequence[bytes]) -> None:
        """Has these rows, and no others, in the database, and nothing in the mocks."""

        async def main() -> None:
            await self.opened.database.script(inserts)
            self.opened.services.api_keys = frozenset({"key"})
            self.opened.services.reset()
            # How quickly messages follow each other is chance here: no limit of a second may depend on it.
            self.opened.services.telegram.clock = CallClock(seconds_per_call=2)

        self.await_(main())

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.await_(self.opened.database.fetch(query))
        return rows

    def perform(self, cron: str, instances: int, play: named_orders.Play, refused: Sequence[str] = ()) -> list[Message]:
        """Plays a cron, and returns the messages that were accepted meanwhile. Nothing in it may be left undecided."""
        stage = self.stages[cron, instances]

        async def main() -> tuple[int, str | None]:
            await self._reconnect(stage)
            before = len(self.opened.services.messages)
            self.opened.services.openphone.scripted = [Scripted("rate-limited", number) for number in refused]
            performed = await stage.perform(play)
            return before, performed.hindrance

        before, hindrance = self.await_(main())
        if hindrance is not None:
            raise RuntimeError(hindrance)
        return [message for message in self.opened.services.messages[before:] if message.accepted]

    async def _reconnect(self, stage: Stage) -> None:
        """Whose connection was ended comes to a new one, by a call of a cron that changes nothing."""
        for instance in stage.instances:
            if (instance.name, "service_role") not in stage.shaken:
                continue
            stage.shaken.discard((instance.name, "service_role"))
            for _ in range(3):
                reads = replace(instance, cron="crew-briefing")
                answer = await self.opened.target.call(reads, method="GET", secret=self.opened.target.secret)
                if answer is not None and answer.status == 200:
                    break


@contextlib.contextmanager
def opened(
    machine: type[Machine], target: str, crons: Mapping[str, int], await_: Await, postgres: Server, folder: Path
) -> Iterator[type[Machine]]:
    """The machine on a session of its own, with a built-in target and these crons, of each so many instances at most."""
    stack, clock = contextlib.AsyncExitStack(), Clock()
    built_in = in_process.named(target)
    plan = Plan(
        target,
        migrations=built_in.migrations,
        application=lambda settings, _: create_app(settings, built_in.module.CRONS, clock),
    )
    session: Session = await_(stack.enter_async_context(session_on(postgres, plan)))
    stages = {}
    for cron, at_most in crons.items():
        for instances in range(1, at_most + 1):
            file = folder / f"{cron}-{instances}.yaml"
            several = f"\n  instances: {instances}" if instances > 1 else ""
            file.write_text(f"title: t\nwhy: w\ntest: rules\nwhen:\n  call: {cron}{several}\nthen:\n  - egress\n")
            stages[cron, instances] = await_(session.stage(reader.read_one(file)))
    members = {"opened": session, "waiting": staticmethod(await_), "clock": clock, "stages": stages}
    with session.target.isolated():
        yield type(machine.__name__, (machine,), members)
    await_(stack.aclose())


def play(machine: type[Machine], plays: int) -> None:
    """Random plays, always the same ones. Of one that fails the steps are printed as they are."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=plays,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
