"""The overlaps that scenarios name: which instance goes on while another one is held, and where.

Each is played by points that every implementation has, so that a scenario fits any target: before its claim, after its
claim, before its message is accepted, after that. Nothing is timed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from cronproof.explore.executor import Scheduler
from cronproof.gate.point import Point

OverlapName = Literal[
    "one-after-the-other",
    "step-by-step",
    "held-before-claim",
    "held-after-claim",
    "held-before-send",
    "held-after-send",
    "held-anywhere",
    "jobs-locked",
]

DESCRIPTIONS: dict[str, str] = {
    "one-after-the-other": "A runs to its end, then B does",
    "step-by-step": "A and B take one step each, in turn, to their ends",
    "held-before-claim": "A is held before its claim, B runs to its end, A goes on",
    "held-after-claim": "A is held between its claim and whatever it does next (its commit, where it has one), "
    "B runs to its end, A goes on",
    "held-before-send": "A is held before its SMS reaches OpenPhone, B runs to its end, A goes on",
    "held-after-send": "A is held after OpenPhone has accepted its SMS, B runs to its end, A goes on",
    "held-anywhere": "A is held at each of its points in turn, on fresh rows each time, B runs to its end, A goes on",
    "jobs-locked": "somebody else has every job locked, as in the middle of a claim; A and B run as far as they can, then the "
    "jobs are let go",
}


class NeverReached(Exception):
    """The instance that was to be held ran to its end without reaching the place."""


Play = Callable[[Scheduler], Awaitable[None]]


async def one_after_the_other(scheduler: Scheduler) -> None:
    """Each instance runs to its end before the next begins."""
    await _all_to_their_ends(scheduler)


async def step_by_step(scheduler: Scheduler) -> None:
    """One step each, in turn."""
    while True:
        parked = [name for name in scheduler.instances if scheduler.next_point(name) is not None]
        if not parked:
            break
        for name in parked:
            if scheduler.next_point(name) is not None:
                await scheduler.step(name)
    await _all_to_their_ends(scheduler)


def held_at_step(count: int) -> Play:
    """The first instance takes `count` steps and is held there while the others run to their ends."""

    async def play(scheduler: Scheduler) -> None:
        await _first_takes(scheduler, count)
        await _others_then_all(scheduler)

    return play


async def jobs_locked(scheduler: Scheduler) -> None:
    """Each instance runs as far as it can while somebody else has the jobs locked."""
    if scheduler.jobs_locked is None:
        raise NeverReached("nobody can lock the jobs")
    async with scheduler.jobs_locked():
        for name in scheduler.instances:
            await _to_its_end(scheduler, name)
    await _all_to_their_ends(scheduler)


def held_at(place: OverlapName) -> Play:
    """The first instance is held at a named place while the others run to their ends."""

    async def play(scheduler: Scheduler) -> None:
        first = scheduler.instances[0]
        before: Point | None = None
        while not _is_at(place, before, point := scheduler.next_point(first)):
            if point is None:
                raise NeverReached(f"{first} ended without being {place}")
            before = point
            await scheduler.step(first)
        await _others_then_all(scheduler)

    return play


def _is_at(place: OverlapName, before: Point | None, point: Point | None) -> bool:
    if point is None:
        return False
    match place:
        case "held-before-claim":
            return point.is_claim
        case "held-after-claim":
            return before is not None and before.is_claim
        case "held-before-send":
            return point.kind == "call"
        case "held-after-send":
            return point.kind == "answer"
        case _:
            raise ValueError(f"{place} is not a place")


async def _first_takes(scheduler: Scheduler, count: int) -> None:
    first = scheduler.instances[0]
    for _ in range(count):
        await scheduler.step(first)
        if scheduler.next_point(first) is None:
            raise NeverReached(f"{first} has fewer than {count} points")


async def _others_then_all(scheduler: Scheduler) -> None:
    for name in scheduler.instances[1:]:
        await _to_its_end(scheduler, name)
    await _all_to_their_ends(scheduler)


async def _to_its_end(scheduler: Scheduler, name: str) -> None:
    """Runs one instance as far as it can go: to its end, or until it waits for somebody who is held."""
    while scheduler.next_point(name) is not None:
        await scheduler.step(name)


async def _all_to_their_ends(scheduler: Scheduler) -> None:
    while not all(map(scheduler.finished, scheduler.instances)):
        parked = [name for name in scheduler.instances if scheduler.next_point(name) is not None]
        if parked:
            await _to_its_end(scheduler, parked[0])
        else:
            await scheduler.until_something_moves()
