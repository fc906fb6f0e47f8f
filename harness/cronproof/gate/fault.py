"""Faults: failures that are injected at a point, as events of a schedule.

A choice in a schedule releases a channel (`A`, `A.2`), or injects a fault (`A!timeout-after`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from cronproof.gate.point import Point

SqlFault = Literal["sql-error", "connection-lost-before", "connection-lost-after", "database-restarts"]
LostCall = Literal["timeout-before", "reset-before"]
LostAnswer = Literal["timeout-after", "reset-after", "unknown-error-after", "truncated", "not-json"]
Slowness = Literal["slow-before", "slow-after"]
OwnFault = Literal[SqlFault, LostCall, LostAnswer, Slowness, "dies", "sigterm"]
FaultName = str
"""An `OwnFault`; or a refusal, by the name that the service has for the error."""

SQL_FAULTS: tuple[SqlFault, ...] = get_args(SqlFault)
LOST_CALLS: tuple[LostCall, ...] = get_args(LostCall)
LOST_ANSWERS: tuple[LostAnswer, ...] = get_args(LostAnswer)
SLOWNESS: tuple[Slowness, ...] = get_args(Slowness)
DIES: Literal["dies"] = "dies"
SIGTERM: Literal["sigterm"] = "sigterm"
FAULT_NAMES: tuple[OwnFault, ...] = (*SQL_FAULTS, *LOST_CALLS, *LOST_ANSWERS, *SLOWNESS, DIES, SIGTERM)
"""The faults that are no refusals."""
SEVERAL_FAULTS = frozenset({"each", "pairs"})
"""The words of scenarios that stand for several faults, and name none."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

_SEPARATOR = "!"
_TAKES_BACK = re.compile(r"\s*rollback\b", re.IGNORECASE)


def parse_choice(choice: str) -> tuple[str, FaultName | None]:
    """Splits a choice into its channel and its fault, if it has one.

    Raises:
        ValueError: what stands for the fault is no name.
    """
    channel, separator, name = choice.partition(_SEPARATOR)
    if not separator:
        return channel, None
    if NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a fault")
    return channel, name


def channel_of(choice: str) -> str:
    """Returns the channel of a choice: `A`, `A.2`."""
    return choice.partition(_SEPARATOR)[0]


def instance_of(choice: str) -> str:
    """Returns the instance of a choice: `A`."""
    return channel_of(choice).partition(".")[0]


def is_fault(choice: str) -> bool:
    """Whether the choice injects a fault."""
    return _SEPARATOR in choice


def with_fault(channel: str, fault: FaultName | None) -> str:
    """Returns the choice that releases a channel, with a fault or without one."""
    return channel if fault is None else f"{channel}{_SEPARATOR}{fault}"


def possible_faults(point: Point) -> Iterator[FaultName]:
    """Yields the faults that can happen at a point."""
    match point.kind:
        case "statement":
            # A rollback cannot fail. It can only be lost.
            yield from SQL_FAULTS[1:] if _TAKES_BACK.match(point.text) else SQL_FAULTS
        case "call":
            yield from point.refusals
            yield from LOST_CALLS
            # A call that only reads has no effect, so losing its answer is like losing the call.
            yield from LOST_ANSWERS if point.sends else LOST_ANSWERS[-2:]
            yield from SLOWNESS if point.sends else ()
        case "start" | "inside":
            return
        case "answer":
            pass
    yield DIES
    yield SIGTERM


@dataclass(frozen=True)
class Faults:
    """The faults to inject: any of `names`, and at most `at_most` in one execution."""

    names: frozenset[FaultName] | None
    """None: all that can happen."""
    at_most: int = 1
    without: frozenset[FaultName] = frozenset()

    def __contains__(self, fault: FaultName) -> bool:
        """Whether a fault is one to inject."""
        return fault not in self.without and (self.names is None or fault in self.names)

    def at(self, point: Point) -> list[FaultName]:
        """Returns the faults to inject at a point, always in the same order."""
        return [fault for fault in possible_faults(point) if fault in self]
