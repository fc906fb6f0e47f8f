"""Circumstances: what an execution depends on besides its schedule."""

from dataclasses import dataclass, field
from typing import Literal

from cronproof.gate.point import Apart

Direction = Literal["forward", "backward"]
"""In which order things are taken: from the first on, or from the last one back."""


@dataclass(frozen=True)
class Circumstances:
    """What an execution depends on besides its schedule."""

    rows_locked: Direction | None = None
    """Whether every unit's row is locked from outside until no instance can continue; then the rows
    for which one waits are released one at a time, in this direction.
    """
    query_plan: str | None = None
    """The name of the plan of statements, if it is not the one that Postgres would choose."""
    inside: Apart = field(default_factory=dict)
    """The statements inside which instances are held."""


USUAL = Circumstances()
