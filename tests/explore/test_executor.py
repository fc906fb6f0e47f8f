"""The scheduler on instances that are plain coroutines: one at a time, in the order that is asked for."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from cronproof.explore import named_orders
from cronproof.explore.executor import NotAtRest, Scheduler
from cronproof.gate.point import Point


async def nobody(_: str) -> Sequence[str]:
    return []


class Instances:
    """Instances that pass a few points and note what they did."""

    def __init__(self, **points: Sequence[Point]) -> None:
        self.done: list[str] = []
        self.scheduler = Scheduler(nobody)
        self._points = points
        self.scheduler.prepare({name: functools.partial(self._run, name) for name in points})

    async def _run(self, name: str) -> None:
        for point in self._points[name]:
            await self.scheduler.arrive(name, point)
            self.done.append(f"{name}{point.text}")


def statements(*texts: str) -> list[Point]:
    return [Point("statement", text) for text in texts]


CRON = [
    Point("statement", "select from tenants"),
    Point("statement", "select from claim_jobs_for_followup()"),
    Point("statement", "commit"),
    Point("call", "send"),
    Point("answer", "send"),
]
T, C, M, S = (point.text for point in CRON[:4])
A_WHOLE, B_WHOLE = [f"A{t}" for t in (T, C, M, S, S)], [f"B{t}" for t in (T, C, M, S, S)]


@pytest.mark.parametrize(
    ("play", "done"),
    [
        (named_orders.one_after_the_other, [*A_WHOLE, *B_WHOLE]),
        (named_orders.step_by_step, [text for pair in zip(A_WHOLE, B_WHOLE, strict=True) for text in pair]),
        (named_orders.held_at("held-before-claim"), [*A_WHOLE[:1], *B_WHOLE, *A_WHOLE[1:]]),
        (named_orders.held_at("held-after-claim"), [*A_WHOLE[:2], *B_WHOLE, *A_WHOLE[2:]]),
        (named_orders.held_at("held-before-send"), [*A_WHOLE[:3], *B_WHOLE, *A_WHOLE[3:]]),
        (named_orders.held_at("held-after-send"), [*A_WHOLE[:4], *B_WHOLE, *A_WHOLE[4:]]),
        (named_orders.held_at_step(1), [*B_WHOLE, *A_WHOLE]),
        (named_orders.held_at_step(5), [*A_WHOLE[:4], *B_WHOLE, *A_WHOLE[4:]]),
    ],
    ids=["one-after-the-other", "step-by-step", "before-claim", "after-claim", "before-send", "after-send", "1", "5"],
)
def test_the_named_overlaps_are_what_they_say(play: named_orders.Play, done: list[str]) -> None:
    async def main() -> list[str]:
        instances = Instances(A=CRON, B=CRON)
        await play(instances.scheduler)
        return instances.done

    assert asyncio.run(main()) == done


def test_a_place_that_is_never_reached_is_said() -> None:
    async def main(play: named_orders.Play) -> None:
        instances = Instances(A=statements("select 1"), B=CRON)
        try:
            await play(instances.scheduler)
        finally:
            await instances.scheduler.abandon()

    with pytest.raises(named_orders.NeverReached, match="^A ended without being held-before-send$"):
        asyncio.run(main(named_orders.held_at("held-before-send")))
    with pytest.raises(named_orders.NeverReached, match="^A has fewer than 2 points$"):
        asyncio.run(main(named_orders.held_at_step(2)))


def test_three_instances_take_turns() -> None:
    async def main() -> list[str]:
        instances = Instances(A=statements("1", "2"), B=statements("1"), C=statements("1", "2", "3"))
        await named_orders.step_by_step(instances.scheduler)
        return instances.done

    assert asyncio.run(main()) == ["A1", "B1", "C1", "A2", "C2", "C3"]


def test_a_wait_is_asked_of_the_server_and_ends_when_the_server_says_so() -> None:
    async def main() -> Scheduler:
        lock = asyncio.Lock()
        held_by: list[str] = []

        async def blockers(name: str) -> Sequence[str]:
            return [] if name in held_by else list(held_by)

        waiting = Scheduler(blockers)

        async def run(name: str) -> None:
            await waiting.arrive(name, Point("statement", "lock"))
            async with lock:
                held_by[:] = [name]
                await waiting.arrive(name, Point("statement", "commit"))
                held_by.clear()

        waiting.prepare({name: functools.partial(run, name) for name in "AB"})
        await named_orders.step_by_step(waiting)
        return waiting

    played = asyncio.run(main())

    assert [(wait.instance, wait.point.text, wait.blockers) for wait in played.waits] == [("B", "lock", ("A",))]
    assert [str(step) for step in played.steps] == [
        "A: start", "B: start", "A: lock", "B: lock", "A: commit", "B: commit",
    ]  # fmt: skip


def test_an_instance_that_gives_up_where_it_is_parked_is_parked_no_more() -> None:
    async def main() -> bool:
        patient = Scheduler(nobody)

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
    monkeypatch.setattr("cronproof.explore.executor.AT_REST_SECONDS", 0.05)

    async def main() -> None:
        hanging = Scheduler(nobody)
        hanging.prepare({"A": asyncio.Event().wait})  # type: ignore[dict-item]  # returns True, which nobody asks for
        try:
            await hanging.step("A")
        finally:
            await hanging.abandon()

    with pytest.raises(NotAtRest, match="^still running after 0.05 s: A after 'start'$"):
        asyncio.run(main())


def test_a_call_that_raises_is_not_passed_over() -> None:
    async def main() -> None:
        failing = Scheduler(nobody)

        async def run() -> None:
            raise LookupError("a bug of the harness")

        failing.prepare({"A": run})
        await failing.step("A")
        await failing.abandon()

    with pytest.raises(LookupError, match="a bug of the harness"):
        asyncio.run(main())


def test_only_a_parked_instance_can_be_stepped() -> None:
    async def main() -> None:
        instances = Instances(A=statements("1"))
        await named_orders.one_after_the_other(instances.scheduler)
        await instances.scheduler.step("A")

    with pytest.raises(ValueError, match="^instance A is not parked$"):
        asyncio.run(main())


@dataclass(eq=False)
class Connection:
    """A line of a pretended instance: it is busy from its release until its statement is answered."""

    content: bytes
    is_busy: bool = False

    @property
    def goes_on(self) -> bool:
        return self.is_busy


class Lines:
    """A does two things at once, of which one wants the lock that B holds until its last step."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(self.blockers)
        self.scheduler.looks = self
        self.free = asyncio.Event()
        self.of_a = [Connection(b"locks"), Connection(b"looks")]

    async def blockers(self, name: str) -> list[str]:
        busy = [line for line in self.of_a if line.is_busy]
        waits = name == "A" and busy == self.of_a[:1] and not self.free.is_set()
        return ["B"] if waits else []

    def is_idle(self, name: str) -> bool:
        return True

    def is_busy(self, name: str) -> bool:
        return name == "A" and any(line.is_busy for line in self.of_a)

    def activity(self, name: str) -> int:
        return 0

    async def statement(self, line: Connection, *, takes_seconds: float) -> None:
        await self.scheduler.arrive("A", Point("statement", line.content.decode()), line)
        await asyncio.sleep(0)  # as it takes a moment until the server has it
        line.is_busy = True
        if line.content == b"locks":
            await self.free.wait()
        await asyncio.sleep(takes_seconds)
        line.is_busy = False

    async def a(self) -> None:
        await asyncio.gather(*(self.statement(line, takes_seconds=0.01) for line in self.of_a))
        await self.scheduler.arrive("A", Point("statement", "last"), Connection(b""))

    async def b(self) -> None:
        await self.scheduler.arrive("B", Point("statement", "commit"), Connection(b""))
        self.free.set()


def test_an_instance_of_several_lines_that_waited_is_at_rest_before_the_next_step() -> None:
    async def main() -> None:
        lines = Lines()
        executor = lines.scheduler
        executor.prepare({"A": lines.a, "B": lines.b})
        await executor.step("A")
        await executor.step("B")
        assert list(executor.enabled) == ["A", "A.2", "B"]
        await executor.step("A")  # wants the lock
        assert [str(wait.blockers) for wait in executor.waits] == ["('B',)"]
        assert list(executor.enabled) == ["A.2", "B"]
        await executor.step("A.2")  # its other line goes on meanwhile, and is waited for
        assert not lines.of_a[1].is_busy
        assert len(executor.waits) == 1
        await executor.step("B")  # frees the lock: then A comes to its next point
        assert not lines.of_a[0].is_busy
        assert (list(executor.enabled), executor.next_point("A")) == (["A"], Point("statement", "last"))
        await executor.step("A")
        assert executor.finished("A")
        assert executor.finished("B")

    asyncio.run(main())
