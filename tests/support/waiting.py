"""Waiting for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Callable

DEADLINE_SECONDS = 60.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds. Fails when the deadline has passed."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


async def wait_for(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds, and lets other tasks run until then. Fails when the deadline has passed."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110  (nobody tells when it comes true)
            await asyncio.sleep(0.005)
