"""A counterexample as a file: a failing schedule, with step names that survive application edits.

`cronproof replay FILE` executes it again.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from ruamel.yaml import YAML

from cronproof.domain.instance import CronName
from cronproof.errors import InvalidFile, InvalidScenario, Mistake
from cronproof.explore.circumstances import Circumstances, Direction
from cronproof.explore.policy import Diverged, Enabled
from cronproof.explore.schedule import abbreviate
from cronproof.gate.fault import channel_of, instance_of, parse_choice, possible_faults
from cronproof.gate.names import step_name
from cronproof.gate.point import Depth
from cronproof.gate.trace import Trace
from cronproof.input_files import decode
from cronproof.strict_model import StrictModel

VERSION: Literal[2] = 2
"""The version of the format. Files without one are of version 1, which had other names of two checks."""
RENAMED_CHECKS = {"tries": "max-attempts", "flag-agrees": "claims-agree"}
HEAD = "# A counterexample: `cronproof replay` with this file executes it again. Each step is an instance and what it does.\n"


def _known_fault(step: dict[str, str]) -> dict[str, str]:
    for choice in step:
        parse_choice(choice)
    return step


Step = Annotated[dict[str, str], Field(min_length=1, max_length=1), AfterValidator(_known_fault)]


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("a path contains no NUL")
    return text


PathText = Annotated[str, AfterValidator(_path)]


class Counterexample(StrictModel):
    """A schedule on which a check failed, or which shows a known limit."""

    version: Annotated[Literal[2], Field(description="The version of this format.")] = VERSION
    scenario: Annotated[PathText, Field(description="The scenario file, relative to the working directory.")]
    target: Annotated[str, Field(description="The target that was verified.")]
    config: Annotated[PathText | None, Field(description="The configuration that describes the target.")] = None
    migrations: Annotated[list[PathText], Field(description="The migrations that were applied after the schema.")]
    check: Annotated[str, Field(description="The check that failed.")]
    message: Annotated[str, Field(description="What it said.")]
    known: Annotated[str | None, Field(description="The reason of the known limit, where the check passes it.")] = None
    pair: Annotated[
        list[CronName] | None,
        Field(min_length=2, max_length=2, description="The crons, where the scenario is about every pair of several."),
    ] = None
    data: Annotated[dict[str, Any], Field(description="Drawn values, where they are not the first ones.")] = {}
    rows_locked: Annotated[
        Direction | None,
        Field(
            description="Where every row is locked from outside until no instance can continue: the direction in which those "
            "for which one waits are released."
        ),
    ] = None
    query_plan: Annotated[
        str | None, Field(description="The plan of statements, where it is not the one that Postgres would choose.")
    ] = None
    inside: Annotated[
        dict[str, Depth],
        Field(
            description="The statements inside which instances are held, by name, and how far: at their `pieces`, or before all "
            "their `rows` as well."
        ),
    ] = {}
    schedule: Annotated[
        list[Step], Field(min_length=1, description="Each step as `INSTANCE: name`, or `INSTANCE!FAULT: name`.")
    ]

    @property
    def abbreviated(self) -> str:
        """The schedule in a few characters, with its faults: A3 B5 A2."""
        return abbreviate([choice for choice, _ in self.steps])

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The schedule: the choice and the name of each step."""
        return [next(iter(step.items())) for step in self.schedule]

    @property
    def circumstances(self) -> Circumstances:
        """What its execution depends on besides the schedule."""
        return Circumstances(self.rows_locked, self.query_plan, self.inside)

    def text(self) -> str:
        """Returns the text of the file."""
        yaml = YAML()
        yaml.width = 4096
        buffer = io.StringIO()
        yaml.dump({"version": VERSION} | self.model_dump(exclude_defaults=True), buffer)
        return HEAD + buffer.getvalue()


def read_counterexample(file: Path) -> Counterexample:
    """Reads the counterexample of a file.

    Raises:
        InvalidFile: the file contains none.
    """
    try:
        data = YAML(typ="safe", pure=True).load(decode(file, file.read_bytes()))
        if isinstance(data, dict) and "version" not in data and "check" in data:
            data["check"] = RENAMED_CHECKS.get(data["check"], data["check"])
        return Counterexample.model_validate(data)
    except InvalidFile:
        raise
    except ValidationError as invalid:
        error = invalid.errors()[0]
        where = ".".join(map(str, error["loc"])) or "the file"
        text = error["msg"].removeprefix("Value error, ")
        reason = f"no counterexample: {where}: {text[0].lower()}{text[1:]}"
        raise InvalidScenario([Mistake(file, 1, 1, reason)]) from None
    except Exception as error:  # noqa: BLE001  (the parser raises many types for odd scalars)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidScenario([Mistake(file, 1, 1, f"cannot be read: {reason}")]) from None


@dataclass
class CounterexamplePolicy:
    """Replays a counterexample. On the way to its next step, it takes steps that are not in it."""

    steps: Sequence[tuple[str, str]]
    extra: list[str] = field(default_factory=list)
    """The steps taken that are not in the counterexample."""
    position: int = 0
    """How many of its steps were taken."""
    number: int = 0
    """The number of the step that was chosen last, from 1."""
    is_over: bool = False
    """Whether the counterexample had ended at the last choice."""
    _passed: list[str] = field(default_factory=list)

    def choose(self, enabled: Enabled, trace: Trace) -> str | None:
        """Chooses the next step's channel, with its fault once at that step; None after the end.

        Raises:
            Diverged: the channel cannot continue, or the fault cannot happen there.
        """
        if self.position == len(self.steps):
            self.is_over = True
            return None
        self.number = self.position + 1
        choice, name = self.steps[self.position]
        channel, fault = parse_choice(choice)
        if instance_of(channel) not in trace.instances:
            raise Diverged(f"step {self.position + 1} is a step of {channel}, but the scenario has no such instance")
        point = enabled.get(channel)
        if point is None:
            raise Diverged(self.divergence)
        if step_name(point) != name:
            self._passed.append(step_name(point))
            return channel
        if fault is not None and fault not in possible_faults(point):
            raise Diverged(f"step {self.position + 1} should meet {fault}, which cannot happen at {name!r}")
        self.position += 1
        self.extra += [f"{channel}: {step}" for step in self._passed]
        self._passed.clear()
        return choice

    @property
    def divergence(self) -> str:
        """Describes the missing step, and what happened instead."""
        choice, name = self.steps[self.position]
        channel = channel_of(choice)
        what = f"{channel} came to {self._passed[0]!r} instead" if self._passed else f"{channel} does nothing more"
        return f"step {self.position + 1} should be {channel}: {name!r}; {what}"
