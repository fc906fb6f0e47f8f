"""Values of which a scenario gives several, `{any: [a, b]}`: a sample draws one of them for each execution.

Everything else takes the first ones. A choice is a tuple of numbers, one for each such place in the order of the file. An
empty one stands for the first values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronproof.domain.choice import Data
from cronproof.scenario.scenario import Scenario


@dataclass(frozen=True)
class Choice:
    """A column of a row, where it stands in the file, and the values to choose from."""

    path: tuple[str | int, ...]
    values: Sequence[Any]

    @property
    def name(self) -> str:
        """What it is called in a counterexample: `orders.0.due_at`."""
        return ".".join(str(part) for part in self.path if part not in {"given", "rows", "row"})


def find_choices(scenario: Scenario) -> list[Choice]:
    """All places of a scenario that give several values, in the order of the file."""
    return [Choice(path, row[column]["any"]) for path, row, column in scenario.given.places_to_choose()]


def apply_choice(scenario: Scenario, data: Data) -> Scenario:
    """The scenario with one value in each such place."""
    copied = scenario.model_copy(deep=True)
    for number, (_, row, column) in enumerate(list(copied.given.places_to_choose())):
        row[column] = row[column]["any"][data[number] if data else 0]
    return copied


def name_choice(scenario: Scenario, data: Data) -> dict[str, Any]:
    """What was chosen, by name, where it is not what comes first."""
    chosen_ones = zip(find_choices(scenario), data, strict=False)  # of an empty choice nothing
    return {choice.name: choice.values[number] for choice, number in chosen_ones if number}


def find_choice(scenario: Scenario, values: Mapping[str, Any]) -> Data:
    """The choice of the values that are given by name.

    Raises:
        ValueError: the scenario does not give one of them to choose.
    """
    offered = find_choices(scenario)
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
    offered = find_choices(scenario)
    for number in range(max((len(choice.values) for choice in offered), default=1)):
        yield tuple(min(number, len(choice.values) - 1) for choice in offered)
