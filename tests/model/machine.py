"""Random plays of crons: what all state machines here share."""

import contextlib
import random
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from cronproof.domain.message import Message
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.engine.session import Session, open_session_on
from cronproof.explore.named_orders import RunToEnd
from cronproof.explore.policy import Enabled
from cronproof.gate.fault import FaultName, Faults, channel_of, is_fault
from cronproof.gate.trace import Trace
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.services.exchange import CallClock
from cronproof.services.given import Refusal
from cronproof.services.script import Script
from fixtures import hardened, legacy
from fixtures.crons import app
from tests.support import reference
from tests.support.database import Await


@dataclass
class Clock:
    """The application's clock. The clock of the database cannot be set."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class AtRandom:
    """Picks instances at random, and injects at most one fault, from a given step."""

    def __init__(self, seed: int, fault: FaultName | None = None, at_step: int = 0) -> None:
        self.faults = None if fault is None else Faults(frozenset({fault}))
        self._chance = random.Random(seed)  # noqa: S311  (chooses, and keeps no secret)
        self._at_step = at_step

    def choose(self, enabled: Enabled, trace: Trace) -> str:
        names = [choice for choice in enabled if not is_fault(choice)]
        name = self._chance.choice([name for name in names if name not in trace.slow] or names)
        met = [choice for choice in enabled if is_fault(choice) and channel_of(choice) == name]
        return met[0] if met and len(trace.steps) >= self._at_step else name


class Machine(RuleBasedStateMachine):
    """The subclasses define the rules and invariants."""

    opened: ClassVar[Session]
    waiting: ClassVar[Await]
    clock: ClassVar[Clock]
    runners: ClassVar[Mapping[tuple[str, int], ScenarioRunner]]

    def await_(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return type(self).waiting(coroutine)

    def put(self, inserts: Sequence[bytes]) -> None:
        """Puts exactly these rows into the database, and empties the mocks."""

        async def main() -> None:
            await self.opened.database.script(inserts)
            self.opened.services.api_keys = frozenset({"key"})
            self.opened.services.reset()
            # The time between messages is random here, so slow calls keep rate limits out of play.
            self.opened.services.apis["telegram"].clock = CallClock(seconds_per_call=2)

        self.await_(main())

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.await_(self.opened.database.fetch(query))
        return rows

    def perform(
        self, cron: str, instances: int, policy: AtRandom | RunToEnd, refused: Sequence[str] = ()
    ) -> list[Message]:
        """Plays a cron and returns the accepted messages. Raises if it is inconclusive."""
        runner = self.runners[cron, instances]
        faults = policy.faults if isinstance(policy, AtRandom) else None

        async def main() -> tuple[int, str | None]:
            await self._reconnect(runner)
            before = len(self.opened.services.messages)
            refusals = [Refusal(error="rate-limited", to=number) for number in refused]
            self.opened.services.apis["openphone"].script = Script(refusals)
            execution = await runner.execute(policy, replace(runner.spec, faults=faults))
            return before, execution.inconclusive_reason

        before, inconclusive_reason = self.await_(main())
        if inconclusive_reason is not None:
            raise RuntimeError(inconclusive_reason)
        return [message for message in self.opened.services.messages[before:] if message.accepted]

    async def _reconnect(self, runner: ScenarioRunner) -> None:
        """Calls a read-only cron, so that instances with an ended connection reconnect."""
        for instance in runner.instances:
            if (instance.name, "service_role") not in runner.rig.must_reconnect:
                continue
            runner.rig.must_reconnect.discard((instance.name, "service_role"))
            for _ in range(3):
                reads = replace(instance, cron="crew-briefing")
                answer = await self.opened.target.call(reads, method="GET", secret=self.opened.target.secret)
                if answer is not None and answer.status == 200:
                    break


@contextlib.contextmanager
def opened(
    machine: type[Machine], target: str, crons: Mapping[str, int], await_: Await, postgres: Server, folder: Path
) -> Iterator[type[Machine]]:
    """The machine with its own session on a built-in target. `crons`: most instances."""
    stack, clock = contextlib.AsyncExitStack(), Clock()
    crons_of = {"reference": app.CRONS, "legacy": legacy.CRONS, "hardened": hardened.CRONS}[target]
    plan = reference.plan(
        target, factory=lambda values, _: app.create_app(reference.make_settings(values), crons_of, clock)
    )
    session: Session = await_(stack.enter_async_context(open_session_on(postgres, plan)))
    runners = {}
    for cron, at_most in crons.items():
        for instances in range(1, at_most + 1):
            file = folder / f"{cron}-{instances}.yaml"
            several = f"\n  instances: {instances}" if instances > 1 else ""
            file.write_text(f"title: t\nwhy: w\ntest: rules\nwhen:\n  call: {cron}{several}\nthen:\n  - egress\n")
            runners[cron, instances] = await_(session.prepare(reader.read_scenario(file)))
    members = {"opened": session, "waiting": staticmethod(await_), "clock": clock, "runners": runners}
    with session.target.isolated():
        yield type(machine.__name__, (machine,), members)
    await_(stack.aclose())


def play(machine: type[Machine], plays: int) -> None:
    """Random plays, the same every time. The steps of a failure are printed unshrunk."""
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
