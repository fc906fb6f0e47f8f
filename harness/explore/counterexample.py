"""A counterexample as a file: the schedule of a FAIL, by names that survive edits, readable and easy to compare.

`cronproof replay FILE` runs it again.
"""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from ruamel.yaml import YAML

from harness.checks.check import Parameters
from harness.errors import InvalidScenario, Mistake
from harness.explore.names import step_name
from harness.explore.schedule import Diverged
from harness.explore.scheduler import Scheduler, instance_of

HEAD = (
    "# A counterexample: `cronproof replay` with this file runs it again. Each step is an instance and what it does.\n"
)


Step = Annotated[dict[str, str], Field(min_length=1, max_length=1)]


class Counterexample(Parameters):
    """A schedule on which a check failed."""

    scenario: Annotated[str, Field(description="The scenario file, relative to the working directory.")]
    target: Annotated[str, Field(description="What was verified.")]
    config: Annotated[str | None, Field(description="The configuration that the target is from.")] = None
    migrations: Annotated[list[str], Field(description="What was applied after the schema.")]
    check: Annotated[str, Field(description="The check that failed.")]
    message: Annotated[str, Field(description="What it said.")]
    data: Annotated[dict[str, Any], Field(description="Values that were drawn, other than the first ones.")] = {}
    schedule: Annotated[list[Step], Field(min_length=1, description="Each step as `INSTANCE: name`.")]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The schedule: instance and name of each step."""
        return [next(iter(step.items())) for step in self.schedule]

    def text(self) -> str:
        """The file's text."""
        yaml = YAML()
        yaml.width = 4096
        buffer = io.StringIO()
        yaml.dump(self.model_dump(exclude_defaults=True), buffer)
        return HEAD + buffer.getvalue()


def read(file: Path) -> Counterexample:
    """The counterexample of a file.

    Raises:
        InvalidScenario: it holds none.
    """
    try:
        data = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
        return Counterexample.model_validate(data)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        where = ".".join(map(str, error["loc"])) or "the file"
        reason = f"no counterexample: {where}: {error['msg'][0].lower()}{error['msg'][1:]}"
        raise InvalidScenario([Mistake(file, 1, 1, reason)]) from None
    except Exception as error:  # noqa: BLE001  (the parser raises anything it meets in a strange scalar)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidScenario([Mistake(file, 1, 1, f"cannot be read: {reason}")]) from None


@dataclass
class Replay:
    """Plays the steps of a counterexample. What an instance does besides, since it was edited, it does on the way."""

    steps: Sequence[tuple[str, str]]
    pause: Callable[[int, str, str], Awaitable[None]] | None = None
    """Awaited before each step: its number from 1, the instance, the name."""
    passed: list[str] = field(default_factory=list)
    """Steps on the way that the counterexample does not have."""

    async def __call__(self, scheduler: Scheduler) -> None:
        """Plays the schedule, then everything to its end, without preemption.

        Raises:
            Diverged: an instance ended, or waits, and has not come by a step that it should have taken.
        """
        for number, (instance, name) in enumerate(self.steps, start=1):
            if instance_of(instance) not in scheduler.instances:
                raise Diverged(f"step {number} is one of {instance}, which the scenario does not have")
            instead: list[str] = []
            while (came := await self._step(scheduler, number, instance)) != name:
                if came is None:
                    what = f"{instance} came to {instead[0]!r} instead" if instead else f"{instance} does nothing more"
                    raise Diverged(f"step {number} should be {instance}: {name!r}; {what}")
                instead.append(came)
            self.passed += [f"{instance}: {step}" for step in instead]
        running = self.steps[-1][0]
        while not all(map(scheduler.finished, scheduler.instances)):
            if not scheduler.enabled:
                await scheduler.until_something_moves()
            else:
                running = running if running in scheduler.enabled else scheduler.enabled[0]
                await scheduler.step(running)

    async def _step(self, scheduler: Scheduler, number: int, instance: str) -> str | None:
        """Takes one step and returns its name; None if the instance has none to take."""
        while (point := scheduler.next_point(instance)) is None:
            if scheduler.enabled or all(map(scheduler.finished, scheduler.instances)):
                return None
            await scheduler.until_something_moves()
        name = step_name(point)
        if self.pause is not None:
            await self.pause(number, instance, name)
        await scheduler.step(instance)
        return name
