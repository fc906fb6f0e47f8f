"""Values to choose from, `{any: [a, b]}`: a sample draws one of them for each execution.

Other executions take the first. A choice is a tuple of indices, one for each such place in the
order of the file. An empty tuple stands for the first values.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronproof.domain.choice import Data
from cronproof.scenario.scenario import Scenario


@dataclass(frozen=True)
class Choice:
    """A place in the file that gives several values for a column."""

    path: tuple[str | int, ...]
    values: Sequence[Any]

    @property
    def name(self) -> str:
        """Its name in a counterexample: `orders.0.due_at`."""
        return ".".join(str(part) for part in self.path if part not in {"given", "rows", "row"})


def find_choices(scenario: Scenario) -> list[Choice]:
    """Finds the places of a scenario that give several values, in the order of the file."""
    return [Choice(path, row[column]["any"]) for path, row, column in scenario.given.places_to_choose()]


def apply_choice(scenario: Scenario, data: Data) -> Scenario:
    """Returns the scenario with one value in each such place."""
    copied = scenario.model_copy(deep=True)
    for number, (_, row, column) in enumerate(list(copied.given.places_to_choose())):
        row[column] = row[column]["any"][data[number] if data else 0]
    return copied


def name_choice(scenario: Scenario, data: Data) -> dict[str, Any]:
    """Returns the chosen values by name, except those that come first."""
    chosen_ones = zip(find_choices(scenario), data, strict=False)  # none if the choice is empty
    return {choice.name: choice.values[number] for choice, number in chosen_ones if number}


def find_choice(scenario: Scenario, values: Mapping[str, Any]) -> Data:
    """Finds the choice with the values that are given by name.

    Raises:
        ValueError: the scenario does not offer one of them.
    """
    offered = find_choices(scenario)
    if strange := values.keys() - {choice.name for choice in offered}:
        raise ValueError(f"{min(strange)} is not a choice of the scenario")
    data = []
    for choice in offered:
        value = values.get(choice.name, choice.values[0])
        if value not in choice.values:
            raise ValueError(f"{choice.name} cannot be {value!r}")
        data.append(list(choice.values).index(value))
    return tuple(data) if any(data) else ()


def alternatives(scenario: Scenario) -> Iterator[Data]:
    """Yields choices that together contain every value."""
    offered = find_choices(scenario)
    for number in range(max((len(choice.values) for choice in offered), default=1)):
        yield tuple(min(number, len(choice.values) - 1) for choice in offered)
