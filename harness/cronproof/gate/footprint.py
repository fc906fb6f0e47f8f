"""Footprints: what a step touched, and so which steps are independent.

Two adjacent steps of different instances are independent if both orders are possible and lead to
the same state. This holds if they touch no common object, or only in ways that do not conflict.
An object is a table, a sequence or a service. For a table, the touched rows may be known. A
footprint may contain too much but never too little, so independence is never claimed wrongly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Access = Literal["read", "look", "lock", "write"]
"""How an object is touched.

read   reads the last committed state: locks and uncommitted changes of others do not matter
look   would lock or change rows but found none: it matters which rows exist and are locked
lock   locks rows (SELECT … FOR UPDATE, foreign keys), or changes them without a commit yet
write  changes rows, and the change is visible to others
"""

_RANK: dict[Access, int] = {"read": 0, "look": 1, "lock": 2, "write": 3}
# Each conflicts with all that the one before it conflicts with, and more.
_CONFLICTS: dict[Access, frozenset[Access]] = {
    "read": frozenset({"write"}),
    "look": frozenset({"lock", "write"}),
    "lock": frozenset({"look", "lock", "write"}),
    "write": frozenset({"read", "look", "lock", "write"}),
}
_CHANGING: frozenset[Access] = frozenset({"lock", "write"})

INVARIANTS = "the invariants"
"""The object that stands for all that invariants say."""

Keys = frozenset[str]
"""Primary keys of rows, as text."""


@dataclass(frozen=True)
class Footprint:
    """The objects that a step touched. If `known` is False, it may have touched any object.

    For an object in `rows`, only rows with these keys were touched, before and after the step.
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
            name in more.accesses and more.accesses[name] in _CONFLICTS[access] and not fewer.is_apart_from(more, name)
            for name, access in fewer.accesses.items()
        )

    def is_apart_from(self, other: Footprint, name: str) -> bool:
        """Whether both are known to touch different rows, and at most one locks or changes them.

        The order of two changes can show: it affects the order of rows that a query does not sort.
        """
        mine, theirs = self.rows.get(name), other.rows.get(name)
        if mine is None or theirs is None or not mine.isdisjoint(theirs):
            return False
        return not _CHANGING.issuperset((self.accesses[name], other.accesses[name]))

    def shown_to(self, tables: Collection[str] | None) -> Footprint:
        """Returns the footprint of a step after which invariants are asked that read these tables, None if
        any: changes that they can see conflict with each other.
        """
        seen = any(access == "write" and (tables is None or name in tables) for name, access in self.accesses.items())
        return replace(self, accesses={**self.accesses, INVARIANTS: "write"}) if seen else self

    def __or__(self, other: Footprint) -> Footprint:
        """Returns the union of two footprints."""
        if other is NOTHING:
            return self
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
    """Returns the access that conflicts with more."""
    return max(one, other, key=_RANK.__getitem__)


NOTHING = Footprint()
EVERYTHING = Footprint(known=False)
