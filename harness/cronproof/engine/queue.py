"""The queue of a run: scenarios that one or more processes take and verify."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from cronproof.engine.evaluate import CheckResult
from cronproof.engine.results import Exploration, ScenarioResult
from cronproof.engine.workers import WorkerDied
from cronproof.explore.explorer import INTERRUPTED
from cronproof.internal_errors import raise_first
from cronproof.scenario.reader import ScenarioFile

Verify = Callable[..., Awaitable[ScenarioResult]]
"""Verifies a scenario file before a `deadline`."""


class ScenarioQueue:
    """Hands out scenarios, and reports their results in order."""

    def __init__(
        self,
        files: Sequence[ScenarioFile],
        deadline: float,
        finished: Callable[[ScenarioResult], None],
        warned: Callable[[str], None],
    ) -> None:
        self._files = files
        self._deadline = deadline
        self._finished = finished
        self._warned = warned
        self._results: dict[int, ScenarioResult] = {}
        self._waiting = deque(range(len(files)))
        self._reported = 0
        self._interrupted = False

    async def work(self, verify: Verify) -> None:
        """Verifies one scenario after the other, until none or no time is left.

        Raises:
            WorkerDied: the process that verified a scenario. The scenario is back in the queue.
        """
        while self._waiting and time.monotonic() <= self._deadline and not self._interrupted:
            number = self._waiting.popleft()
            try:
                self._results[number] = await verify(self._files[number], deadline=self._deadline)
            except asyncio.CancelledError:  # Ctrl-C: what was found until then is reported
                raise_first()
                self._interrupted = True
                return
            except WorkerDied:
                self._waiting.appendleft(number)
                raise
            raise_first()
            self._interrupted |= self._results[number].interrupted
            self._report()

    async def help(self, verify: Verify) -> None:
        """Works like `work`, in a process that may die. Another one then takes its scenario."""
        try:
            await self.work(verify)
        except WorkerDied as died:
            self._warned(f"{died}; its scenario is verified again")

    async def join(self, helping: Sequence[asyncio.Task[None]]) -> None:
        """Waits until the helpers are done as well, or the run is interrupted."""
        if not self._interrupted:
            try:
                await asyncio.gather(*helping)
            except asyncio.CancelledError:
                raise_first()
                self._interrupted = True

    def all_results(self) -> Sequence[ScenarioResult]:
        """Returns the results of all scenarios. Those not verified are INCONCLUSIVE."""
        ended = INTERRUPTED if self._interrupted else "the time budget was used up"
        for number, file in enumerate(self._files):
            if number not in self._results:
                unasked = [CheckResult(check.id, "INCONCLUSIVE", ended) for check in file.scenario.checks]
                nothing = Exploration(
                    "none",
                    0,
                    exhausted=False,
                    distinct_outcomes=0,
                    blocked_waits=0,
                    seconds=0.0,
                    ended="stopped",
                    stopped=ended,
                )
                interrupted = self._interrupted
                self._results[number] = ScenarioResult(file, unasked, [], nothing, interrupted=interrupted)
        self._report()
        return [self._results[number] for number in range(len(self._files))]

    def _report(self) -> None:
        while self._reported in self._results:
            self._finished(self._results[self._reported])
            self._reported += 1
