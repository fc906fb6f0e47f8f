"""The executor on plain coroutines: one instance at a time, in the requested order."""

import asyncio
import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from cronproof.explore.execution_spec import ExecutionSpec
from cronproof.explore.executor import ActedByTimer, Environment, Executor
from cronproof.explore.named_orders import RunToEnd, StepByStep
from cronproof.explore.quiescence import NotAtRest
from cronproof.gate.gate import AbandonedError
from cronproof.gate.point import Point
from cronproof.internal_errors import until_error
from tests.support.programs import Instances, statements
from tests.support.waiting import DEADLINE_SECONDS


def test_a_wait_is_asked_of_the_server_and_ends_when_the_server_says_so() -> None:
    async def main() -> Executor:
        lock = asyncio.Lock()
        held_by: list[str] = []

        class Locked(Environment):
            async def blockers(self, instance: str) -> Sequence[str]:
                return [] if instance in held_by else list(held_by)

        waiting = Executor(Locked())

        async def run(name: str) -> None:
            await waiting.arrive(name, Point("statement", "lock"))
            async with lock:
                held_by[:] = [name]
                await waiting.arrive(name, Point("statement", "commit"))
                held_by.clear()

        waiting.prepare({name: functools.partial(run, name) for name in "AB"})
        await waiting.run(StepByStep())
        return waiting

    played = asyncio.run(main())

    assert [(wait.instance, wait.point.text, wait.blockers) for wait in played.trace.waits] == [("B", "lock", ("A",))]
    assert [str(step) for step in played.trace.steps] == [
        "A: start", "B: start", "A: lock", "B: lock", "A: commit", "B: commit",
    ]  # fmt: skip


def test_an_instance_that_gives_up_where_it_is_parked_is_parked_no_more() -> None:
    async def main() -> bool:
        patient = Executor()

        async def run() -> None:
            impatient = asyncio.create_task(patient.arrive("A", Point("call", "send")))
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.wait([impatient])
            await patient.arrive("A", Point("statement", "select 1"))

        patient.prepare({"A": run})
        await patient.step("A")
        while patient.next_point("A") != Point("statement", "select 1"):  # noqa: ASYNC110  (turns of this very loop)
            await asyncio.sleep(0)
        await patient.step("A")
        return patient.finished("A")

    assert asyncio.run(main())


def test_an_instance_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronproof.explore.quiescence.AT_REST_SECONDS", 0.05)

    async def main() -> None:
        hanging = Executor()
        hanging.prepare({"A": asyncio.Event().wait})  # type: ignore[dict-item]  # its result True is ignored
        try:
            await hanging.step("A")
        finally:
            await hanging.abandon()

    with pytest.raises(NotAtRest, match="^still running after 0.05 s: A after 'start'$"):
        asyncio.run(main())


def test_a_call_that_raises_is_not_passed_over() -> None:
    async def main() -> None:
        failing = Executor()

        async def run() -> None:
            raise LookupError("a bug of the harness")

        failing.prepare({"A": run})
        await failing.step("A")
        await failing.abandon()

    with pytest.raises(LookupError, match="a bug of the harness"):
        asyncio.run(until_error(main()))


@pytest.mark.parametrize(
    ("statements", "acts"),
    [
        (["update leases"], True),
        (["", "select renew()"], True),
        (["-- is it there?\nSELECT 1 AS up;"], False),
        ([], False),
    ],
)
def test_what_an_instance_does_by_itself_while_its_call_is_slow_is_told(statements: list[str], acts: bool) -> None:
    async def main() -> None:
        slow = Executor(spec=ExecutionSpec(listen_seconds=DEADLINE_SECONDS if acts else 0.05))

        async def renew() -> None:
            with contextlib.suppress(AbandonedError):
                for statement in statements:
                    await slow.arrive("A", Point("statement", statement))

        async def run() -> None:
            await slow.arrive("A", Point("call", "openphone POST /v1/messages", sends=True))

        slow.prepare({"A": run})
        await slow.step("A")
        if statements:
            asyncio.get_running_loop().call_later(0.01, lambda: tasks.add(asyncio.create_task(renew())))
        try:
            await slow.step("A!slow-before")
        finally:
            await slow.abandon()

    tasks = set[asyncio.Task[None]]()
    told = r"while a call of A was slow, A did something by a timer \((update|select)"
    with pytest.raises(ActedByTimer, match=told) if acts else contextlib.nullcontext():
        asyncio.run(main())


def test_an_instance_that_gives_up_a_slow_call_is_told() -> None:
    async def main() -> None:
        slow = Executor(spec=ExecutionSpec(listen_seconds=DEADLINE_SECONDS))
        calls = list[asyncio.Task[None]]()

        async def send() -> None:
            await slow.arrive("A", Point("call", "openphone POST /v1/messages", sends=True))

        async def run() -> None:
            calls.append(asyncio.create_task(send()))
            await asyncio.wait(calls)

        slow.prepare({"A": run})
        await slow.step("A")
        asyncio.get_running_loop().call_soon(calls[0].cancel)
        try:
            await slow.step("A!slow-before")
        finally:
            await slow.abandon()

    with pytest.raises(
        ActedByTimer, match=r"A gave it up by a timer \(openphone POST /v1/messages\): its calls may never"
    ):
        asyncio.run(main())


def test_only_a_parked_instance_can_be_stepped() -> None:
    async def main() -> None:
        instances = Instances(A=statements("1"))
        await instances.executor.run(RunToEnd())
        await instances.executor.step("A")

    with pytest.raises(ValueError, match="^instance A is not parked$"):
        asyncio.run(main())


@dataclass(eq=False)
class Connection:
    """A channel of a simulated instance, busy from its release until the answer."""

    content: bytes
    is_busy: bool = False

    @property
    def goes_on(self) -> bool:
        return self.is_busy


class Channels(Environment):
    """A has two channels. One waits for a lock that B holds until its last step."""

    def __init__(self) -> None:
        self.executor = Executor(self, probe=self)
        self.free = asyncio.Event()
        self.of_a = [Connection(b"locks"), Connection(b"looks")]

    async def blockers(self, instance: str) -> list[str]:
        busy = [channel for channel in self.of_a if channel.is_busy]
        waits = instance == "A" and busy == self.of_a[:1] and not self.free.is_set()
        return ["B"] if waits else []

    def is_idle(self, name: str) -> bool:
        return True

    def is_busy(self, name: str) -> bool:
        return name == "A" and any(channel.is_busy for channel in self.of_a)

    def activity(self, name: str) -> int:
        return 0

    async def statement(self, channel: Connection, *, takes_seconds: float) -> None:
        await self.executor.arrive("A", Point("statement", channel.content.decode()), channel)
        await asyncio.sleep(0)  # the server gets it a little later
        channel.is_busy = True
        if channel.content == b"locks":
            await self.free.wait()
        await asyncio.sleep(takes_seconds)
        channel.is_busy = False

    async def a(self) -> None:
        await asyncio.gather(*(self.statement(channel, takes_seconds=0.01) for channel in self.of_a))
        await self.executor.arrive("A", Point("statement", "last"), Connection(b""))

    async def b(self) -> None:
        await self.executor.arrive("B", Point("statement", "commit"), Connection(b""))
        self.free.set()


def test_an_instance_of_several_channels_that_waited_is_at_rest_before_the_next_step() -> None:
    async def main() -> None:
        channels = Channels()
        executor = channels.executor
        executor.prepare({"A": channels.a, "B": channels.b})
        await executor.step("A")
        await executor.step("B")
        assert list(executor.choices) == ["A", "A.2", "B"]
        await executor.step("A")  # waits for the lock
        assert [str(wait.blockers) for wait in executor.trace.waits] == ["('B',)"]
        assert list(executor.choices) == ["A.2", "B"]
        await executor.step("A.2")  # runs its other channel until it is at rest
        assert not channels.of_a[1].is_busy
        assert len(executor.trace.waits) == 1
        await executor.step("B")  # frees the lock, so A reaches its next point
        assert not channels.of_a[0].is_busy
        assert (list(executor.choices), executor.next_point("A")) == (["A"], Point("statement", "last"))
        await executor.step("A")
        assert executor.finished("A")
        assert executor.finished("B")

    asyncio.run(main())
