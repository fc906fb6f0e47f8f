"""Values of which a scenario gives several, `{any: [a, b]}`: a sample draws one of them for each run.

Everything else takes the first ones. Which values a run has is a tuple of numbers, one for each such place in the order of
the file; an empty one stands for the first values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronproof.explore.schedule import Data
from cronproof.scenario.model import Scenario, places_to_choose


@dataclass(frozen=True)
class Choice:
    """A column of a row, where it stands in the file, and the values to choose from."""

    path: tuple[str | int, ...]
    values: Sequence[Any]

    @property
    def name(self) -> str:
        """What it is called in a counterexample: `jobs.0.completed_at`."""
        return ".".join(str(part) for part in self.path if part not in {"given", "rows", "row"})


def choices(scenario: Scenario) -> list[Choice]:
    """All places of a scenario that give several values, in the order of the file."""
    return [Choice(path, row[column]["any"]) for path, row, column in places_to_choose(scenario)]


def chosen(scenario: Scenario, data: Data) -> Scenario:
    """The scenario with one value in each such place."""
    copied = scenario.model_copy(deep=True)
    for number, (_, row, column) in enumerate(list(places_to_choose(copied))):
        row[column] = row[column]["any"][data[number] if data else 0]
    return copied


def named(scenario: Scenario, data: Data) -> dict[str, Any]:
    """What was chosen, by name, where it is not what comes first."""
    chosen_ones = zip(choices(scenario), data, strict=False)  # of an empty choice nothing
    return {choice.name: choice.values[number] for choice, number in chosen_ones if number}


def found(scenario: Scenario, values: Mapping[str, Any]) -> Data:
    """The choice of the values that are given by name.

    Raises:
        ValueError: the scenario does not give one of them to choose.
    """
    offered = choices(scenario)
    if strange := values.keys() - {choice.name for choice in offered}:
        raise ValueError(f"{min(strange)} is none of its values to choose")
    data = []
    for choice in offered:
        value = values.get(choice.name, choice.values[0])
        if value not in choice.values:
            raise ValueError(f"{choice.name} can not be {value!r}")
        data.append(list(choice.values).index(value))
    return tuple(data) if any(data) else ()


def alternatives(scenario: Scenario) -> Iterator[Data]:
    """Choices in which every value that can be chosen comes once."""
    offered = choices(scenario)
    for number in range(max((len(choice.values) for choice in offered), default=1)):
        yield tuple(min(number, len(choice.values) - 1) for choice in offered)
