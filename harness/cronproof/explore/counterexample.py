"""A counterexample as a file: the schedule of a FAIL, by names that survive edits, readable and easy to compare.

`cronproof replay FILE` runs it again.
"""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError
from ruamel.yaml import YAML

from cronproof.domain.crons import CronName
from cronproof.errors import InvalidScenario, Mistake
from cronproof.explore.executor import Scheduler
from cronproof.explore.schedule import Diverged, shown
from cronproof.gate.fault import instance_of, line_of, possible, split, with_fault
from cronproof.gate.names import step_name
from cronproof.strict_model import Parameters

HEAD = (
    "# A counterexample: `cronproof replay` with this file runs it again. Each step is an instance and what it does.\n"
)


def _known_fault(step: dict[str, str]) -> dict[str, str]:
    for choice in step:
        split(choice)
    return step


Step = Annotated[dict[str, str], Field(min_length=1, max_length=1), AfterValidator(_known_fault)]


class Counterexample(Parameters):
    """A schedule on which a check failed, or shows a limit that is known."""

    scenario: Annotated[str, Field(description="The scenario file, relative to the working directory.")]
    target: Annotated[str, Field(description="What was verified.")]
    config: Annotated[str | None, Field(description="The configuration that the target is from.")] = None
    migrations: Annotated[list[str], Field(description="What was applied after the schema.")]
    check: Annotated[str, Field(description="The check that failed.")]
    message: Annotated[str, Field(description="What it said.")]
    known: Annotated[str | None, Field(description="Why the check lets it pass, where the limit is known.")] = None
    pair: Annotated[
        list[CronName] | None, Field(min_length=2, max_length=2, description="The crons, of a scenario of many pairs.")
    ] = None
    data: Annotated[dict[str, Any], Field(description="Values that were drawn, other than the first ones.")] = {}
    schedule: Annotated[
        list[Step], Field(min_length=1, description="Each step as `INSTANCE: name`, or `INSTANCE!FAULT: name`.")
    ]

    @property
    def shown(self) -> str:
        """The schedule in a few characters: A3 B5 A2, who goes on for how many steps; a fault where it is met."""
        return shown([choice for choice, _ in self.steps])

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
        text = error["msg"].removeprefix("Value error, ")
        reason = f"no counterexample: {where}: {text[0].lower()}{text[1:]}"
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
        for number, (choice, name) in enumerate(self.steps, start=1):
            line = line_of(choice)
            if instance_of(line) not in scheduler.instances:
                raise Diverged(f"step {number} is one of {line}, which the scenario does not have")
            instead: list[str] = []
            while (came := await self._step(scheduler, number, choice, name)) != name:
                if came is None:
                    what = f"{line} came to {instead[0]!r} instead" if instead else f"{line} does nothing more"
                    raise Diverged(f"step {number} should be {line}: {name!r}; {what}")
                instead.append(came)
            self.passed += [f"{line}: {step}" for step in instead]
        running = line_of(self.steps[-1][0])
        while not all(map(scheduler.finished, scheduler.instances)):
            if not scheduler.enabled:
                await scheduler.until_something_moves()
            else:
                running = scheduler.without_preemption(running)
                await scheduler.step(running)

    async def _step(self, scheduler: Scheduler, number: int, choice: str, expected: str) -> str | None:
        """Takes one step, with its fault if it is the expected one, and returns its name; None if there is none to take."""
        line = line_of(choice)
        while (point := scheduler.next_point(line)) is None:
            if scheduler.enabled or all(map(scheduler.finished, scheduler.instances)):
                return None
            await scheduler.until_something_moves()
        name = step_name(point)
        if self.pause is not None:
            await self.pause(number, choice, name)
        fault = split(choice)[1] if name == expected else None
        if fault is not None and fault not in possible(point):
            raise Diverged(f"step {number} should meet {fault}, which cannot happen at {name!r}")
        await scheduler.step(with_fault(line, fault))
        return name
