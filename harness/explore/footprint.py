"""What a step touched, and so which steps could be swapped without anybody noticing.

Two neighbouring steps of different instances are independent when either order leads to the same state and lets both be
done. That is so when they touch nothing in common, or only read what they have in common. An object is a table, a
sequence, or a mocked API: coarse, and never too small, so that what is called independent is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Access = Literal["read", "lock", "write"]
"""How an object is touched: rows are read, locked for others (SELECT … FOR UPDATE, foreign keys), or written."""

_RANK: dict[Access, int] = {"read": 0, "lock": 1, "write": 2}


@dataclass(frozen=True)
class Footprint:
    """The objects that a step touched. `known` is False where that could not be found out: then it is all of them."""

    accesses: Mapping[str, Access] = field(default_factory=dict)
    known: bool = True

    def conflicts(self, other: Footprint) -> bool:
        """Whether the order of two steps can matter.

        A reader sees neither locks of rows nor what is not committed; lockers and writers meet one another.
        """
        if NOTHING in (self, other):
            return False
        if not (self.known and other.known):
            return True
        fewer, more = sorted((self.accesses, other.accesses), key=len)
        for name, access in fewer.items():
            of_other = more.get(name)
            if of_other is not None and _RANK[access] + _RANK[of_other] >= 2:
                return True
        return False

    def __or__(self, other: Footprint) -> Footprint:
        """What two things touch together."""
        if not (self.known and other.known):
            return EVERYTHING
        accesses = dict(self.accesses)
        for name, access in other.accesses.items():
            accesses[name] = stronger(accesses.get(name, access), access)
        return Footprint(accesses)


def stronger(one: Access, other: Access) -> Access:
    """The one that conflicts with more."""
    return max(one, other, key=_RANK.__getitem__)


NOTHING = Footprint()
EVERYTHING = Footprint(known=False)
