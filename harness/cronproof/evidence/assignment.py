"""Assigns messages to the units that are owed them, each to one and none twice."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Owed = TypeVar("Owed", bound=Hashable)


def assign(owed: Sequence[Owed], fitting: Mapping[Owed, Sequence[int]]) -> dict[Owed, int]:
    """Assigns as many messages as can be: a maximum matching, by augmenting paths (Kuhn, 1955).

    `fitting`: the messages that fit, by number. Those that are owed first are served first, and stay served.
    """
    holder: dict[int, Owed] = {}

    def serve(one: Owed, tried: set[int]) -> bool:
        for message in fitting[one]:
            if message in tried:
                continue
            tried.add(message)
            if message not in holder or serve(holder[message], tried):
                holder[message] = one
                return True
        return False

    for one in owed:
        serve(one, set())
    return {one: message for message, one in holder.items()}
