"""What a step touched, and so which steps could be swapped without anybody noticing.

Two neighbouring steps of different instances are independent when either order leads to the same state and lets both be
done. That is so when they touch nothing in common, or touch what they have in common in ways that do not meet. An object
is a table, a sequence, or a service; of a table, where it is known, single rows. Never too little is counted as
touched, so that what is called independent is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Access = Literal["read", "look", "lock", "write"]
"""How an object is touched.

read   as it was last committed: neither locks nor what others have not committed matter
look   to lock or change rows, but there were none to be had: what matters is which rows there are, and which are locked
lock   rows are locked (SELECT … FOR UPDATE, foreign keys), or changed so that nobody else sees it yet
write  rows are changed for everybody to see
"""

_RANK: dict[Access, int] = {"read": 0, "look": 1, "lock": 2, "write": 3}
# Each meets what the one before it meets, and more.
_MEETS: dict[Access, frozenset[Access]] = {
    "read": frozenset({"write"}),
    "look": frozenset({"lock", "write"}),
    "lock": frozenset({"look", "lock", "write"}),
    "write": frozenset({"read", "look", "lock", "write"}),
}
_CHANGING: frozenset[Access] = frozenset({"lock", "write"})

Keys = frozenset[str]
"""Primary keys of rows, as text."""


@dataclass(frozen=True)
class Footprint:
    """The objects that a step touched. `known` is False where that could not be found out: then it is all of them.

    Of an object in `rows` only rows with these keys were touched, and no row had or got another key.
    """

    accesses: Mapping[str, Access] = field(default_factory=dict)
    known: bool = True
    rows: Mapping[str, Keys] = field(default_factory=dict)

    def conflicts(self, other: Footprint) -> bool:
        """Whether the order of two steps can matter."""
        if NOTHING in (self, other):
            return False
        if not (self.known and other.known):
            return True
        fewer, more = sorted((self, other), key=lambda footprint: len(footprint.accesses))
        return any(
            name in more.accesses and more.accesses[name] in _MEETS[access] and not fewer.is_apart_from(more, name)
            for name, access in fewer.accesses.items()
        )

    def is_apart_from(self, other: Footprint, name: str) -> bool:
        """Whether the two are known to touch different rows of an object, and one of them leaves its rows as they are.

        Of two changes the order shows even so: in the order in which a table hands out rows that nobody sorts.
        """
        mine, theirs = self.rows.get(name), other.rows.get(name)
        if mine is None or theirs is None or not mine.isdisjoint(theirs):
            return False
        return not _CHANGING.issuperset((self.accesses[name], other.accesses[name]))

    def __or__(self, other: Footprint) -> Footprint:
        """What two things touch together."""
        if not (self.known and other.known):
            return EVERYTHING
        accesses, rows = dict(self.accesses), {}
        for name, access in other.accesses.items():
            accesses[name] = stronger(accesses.get(name, access), access)
        for name in accesses:
            touching = [footprint for footprint in (self, other) if name in footprint.accesses]
            if all(name in footprint.rows for footprint in touching):
                rows[name] = frozenset[str]().union(*(footprint.rows[name] for footprint in touching))
        return Footprint(accesses, rows=rows)


def stronger(one: Access, other: Access) -> Access:
    """The one that meets more."""
    return max(one, other, key=_RANK.__getitem__)


NOTHING = Footprint()
EVERYTHING = Footprint(known=False)
