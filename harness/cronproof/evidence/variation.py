"""What differs between two executions of one schedule, and whether it may: a token, a time, a duration, a counter."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
"""Where a value is: `("responses", "A", "body", "requestId")`. An item of a list is `*`."""

_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w-]{8,}={0,2}")
_GENERATED = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?"  # an ISO 8601 time
    r"|\d{1,2}:\d\d(:\d\d(\.\d+)?)?(\s?[AaPp]\.?[Mm]\b\.?)?"  # a time of day
    r"|\d+(?=\s?(s|sec|seconds?|min|minutes?|h|hours?)\b)"  # a duration
    r"|(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}={0,2}"  # a token; what is shorter may be somebody's number
)
"""What may be generated anew by each execution, as a part of a text."""
GENERATED = "generated"


@dataclass(frozen=True)
class Difference:
    """A value that differs."""

    path: Path
    one: Any
    other: Any

    @property
    def may_vary(self) -> bool:
        """Whether equal executions may differ in it: it is a number or a text that may be generated, in whole or in part."""
        match self.path:
            case ("responses" | "rows", _, *_):
                is_generated = self.path[-1] != "status"
            case ("messages", "*", "content" | "more", *_):
                is_generated = True
            case _:
                is_generated = False
        return is_generated and without_variation(self.one) == without_variation(self.other)

    def __str__(self) -> str:
        if self.path == ("rows",):
            return "the rows differed, and did not when it was executed again"
        return f"{' '.join(self.path)} was {self.one!r}, then {self.other!r}"


def without_variation(value: Any) -> Any:
    """Replaces a number, and what in a text may be generated."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    if isinstance(value, str):
        return GENERATED if _TOKEN.fullmatch(value) else _GENERATED.sub(GENERATED, value)
    return value


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
    """Returns a JSON value with the values at these paths replaced; of messages, only what varies of them."""
    if path in varying:
        return without_variation(value) if path[0] == "messages" else GENERATED
    if isinstance(value, dict):
        return {name: mask(inner, varying, (*path, str(name))) for name, inner in value.items()}
    if isinstance(value, list):
        return [mask(inner, varying, (*path, "*")) for inner in value]
    return value
