"""The settings of an execution."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cronproof.explore.circumstances import Direction
from cronproof.gate.fault import Faults
from cronproof.gate.footprint import Footprint
from cronproof.gate.point import Apart


@dataclass(frozen=True)
class ExecutionSpec:
    """The settings of an execution."""

    faults: Faults | None = None
    """The faults that can be injected."""
    period: timedelta = timedelta()
    """How long until the crons are due again."""
    is_sequential: bool = False
    """Whether each instance begins only when the crons are due again after the one before."""
    observes: bool = False
    """Whether the footprint of each step is recorded."""
    releases: Direction | None = None
    """Whether every unit's row is locked from outside until no instance can continue; then the rows
    for which one waits are released one at a time, in this order.
    """
    listen_seconds: float = 0.0
    """How long a slow call is really slow, so that the timers of its instance can act."""
    known: Sequence[Footprint] = ()
    """The footprints of the first decisions, from an execution with the same beginning."""
    invariants_read: Collection[str] | None = ()
    """The tables that invariants read which are asked after every commit; None if they may read any."""
    apart: Apart = field(default_factory=dict)
    """The statements that are taken apart."""
