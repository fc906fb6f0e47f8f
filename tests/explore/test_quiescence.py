"""Waiting until instances are at rest."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from cronproof.explore import quiescence
from cronproof.explore.channels import Channels
from cronproof.explore.quiescence import NotAtRest, Quiescence, wait_until_quiet
from cronproof.gate.point import Point
from cronproof.gate.trace import Trace, Wait

POINT = Point("statement", "update jobs set status = 'sent'")


class Instances:
    """Instances A and B, each a task that ends when it is told to."""

    def __init__(self, blocked_by: Callable[[str], Sequence[str]] = lambda _: ()) -> None:
        self.trace = Trace(instances=["A", "B"])
        self.channels = Channels(are_numbered=False)
        self.may_end = {name: asyncio.Event() for name in "AB"}
        self.tasks = {name: asyncio.create_task(self._run(name)) for name in "AB"}
        self.blocked_by = blocked_by
        self.quiescence = Quiescence(self.tasks, self.channels, self._blockers, None, self.trace)
        for name, task in self.tasks.items():
            self.quiescence.at[name] = POINT
            task.add_done_callback(self.quiescence.notify)

    async def _run(self, name: str) -> None:
        await self.may_end[name].wait()

    async def _blockers(self, name: str) -> Sequence[str]:
        return self.blocked_by(name)


def with_instances(test: Callable[[Instances], Awaitable[None]], **parameters: Callable[[str], Sequence[str]]) -> None:
    async def main() -> None:
        instances = Instances(**parameters)
        try:
            await test(instances)
        finally:
            for task in instances.tasks.values():
                task.cancel()

    asyncio.run(main())


def test_who_is_held_and_who_has_ended_is_at_rest() -> None:
    async def test(instances: Instances) -> None:
        instances.channels.park("A", POINT, None)
        instances.may_end["B"].set()
        await instances.quiescence.settle()
        assert instances.tasks["B"].done()
        assert (instances.quiescence.waiting, instances.trace.waits) == ({}, [])

    with_instances(test)


def test_a_wait_for_a_lock_is_recorded_with_its_holders() -> None:
    async def test(instances: Instances) -> None:
        instances.channels.park("A", POINT, None)
        await instances.quiescence.settle()
        assert instances.quiescence.waiting == {"B": ("A",)}
        assert instances.trace.waits == [Wait("B", POINT, ("A",))]

    with_instances(test, blocked_by=lambda name: ("A",) if name == "B" else ())


def test_who_waits_no_longer_goes_on() -> None:
    locked = True

    async def test(instances: Instances) -> None:
        nonlocal locked
        instances.channels.park("A", POINT, None)
        await instances.quiescence.settle()
        locked = False
        instances.may_end["B"].set()
        await instances.quiescence.settle()
        assert (instances.tasks["B"].done(), instances.quiescence.waiting) == (True, {})

    with_instances(test, blocked_by=lambda name: ("A",) if name == "B" and locked else ())


def test_who_neither_stops_nor_waits_is_not_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiescence, "AT_REST_SECONDS", 0.05)

    async def test(instances: Instances) -> None:
        instances.channels.park("A", POINT, None)
        with pytest.raises(NotAtRest):
            await instances.quiescence.settle()

    with_instances(test)


def test_a_change_is_waited_for_only_so_long() -> None:
    async def test(instances: Instances) -> None:
        assert not await instances.quiescence.change_within(0.01)
        instances.may_end["A"].set()
        assert await instances.quiescence.change_within(20)

    with_instances(test)


class StillSending:
    """A process that sleeps, whose statement reaches the database in a moment, and is answered."""

    def __init__(self) -> None:
        self.sent, self.answers, self.is_over = False, 0, False

    def is_idle(self, name: str) -> bool:
        if not self.sent:
            self.sent = True
            asyncio.get_running_loop().call_later(0.01, self.answer)
        return True

    def is_busy(self, name: str) -> bool:
        return self.sent and not self.is_over

    def activity(self, name: str) -> int:
        return self.answers

    def answer(self) -> None:
        self.answers, self.is_over = 1, True


def test_a_statement_that_is_on_its_way_is_waited_for() -> None:
    probe = StillSending()

    asyncio.run(wait_until_quiet(probe, "A"))

    assert probe.is_over


def test_a_process_that_never_rests_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronproof.explore.quiescence.AT_REST_SECONDS", 0.01)
    probe = StillSending()
    monkeypatch.setattr(probe, "answer", lambda: None)

    with pytest.raises(NotAtRest, match=r"^A was started, and did something all the time for 0.01 s$"):
        asyncio.run(wait_until_quiet(probe, "A"))
