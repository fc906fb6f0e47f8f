"""What differs between two executions of one schedule, and whether it may: a token, a duration, a counter."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
"""Where a value is: `("responses", "A", "body", "requestId")`. An item of a list is `*`."""

_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w-]{8,}={0,2}")
VARIES = "varies"
MAY_VARY = frozenset({"responses", "rows"})


@dataclass(frozen=True)
class Difference:
    """A value that differs."""

    path: Path
    one: Any
    other: Any

    @property
    def may_vary(self) -> bool:
        """Whether equal executions may differ in it: it is a number or a text that may be generated."""
        return (
            self.path[0] in MAY_VARY
            and len(self.path) > 1
            and self.path[-1] != "status"
            and without_variation(self.one) == without_variation(self.other)
        )

    def __str__(self) -> str:
        if self.path == ("rows",):
            return "the rows differed, and did not when it was executed again"
        return f"{' '.join(self.path)} was {self.one!r}, then {self.other!r}"


def without_variation(value: Any) -> Any:
    """Replaces a number, and a text that may be generated."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    is_token = isinstance(value, str) and _TOKEN.fullmatch(value) is not None
    return "a token" if is_token else value


def find_differences(one: Any, other: Any, path: Path = ()) -> Iterator[Difference]:
    """Yields the innermost values that differ between two JSON values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name in one:
            yield from find_differences(one[name], other[name], (*path, str(name)))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for mine, others in zip(one, other, strict=True):
            yield from find_differences(mine, others, (*path, "*"))
    elif one != other:
        yield Difference(path, one, other)


def mask(value: Any, varying: Collection[Path], path: Path = ()) -> Any:
    """Returns a JSON value with the values at these paths replaced."""
    if path in varying:
        return VARIES
    if isinstance(value, dict):
        return {name: mask(inner, varying, (*path, str(name))) for name, inner in value.items()}
    if isinstance(value, list):
        return [mask(inner, varying, (*path, "*")) for inner in value]
    return value
