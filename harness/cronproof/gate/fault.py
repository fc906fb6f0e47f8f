"""Faults: failures that are injected at a point, as events of a schedule.

A choice in a schedule releases a channel (`A`, `A.2`), or injects a fault (`A!timeout-after`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from cronproof.domain.service_names import REFUSALS, ErrorName
from cronproof.gate.point import Point

SqlFault = Literal["sql-error", "connection-lost-before", "connection-lost-after", "database-restarts"]
LostCall = Literal["timeout-before", "reset-before"]
LostAnswer = Literal["timeout-after", "reset-after", "unknown-error-after", "truncated", "not-json"]
Slowness = Literal["slow-before", "slow-after"]
FaultName = Literal[SqlFault, ErrorName, LostCall, LostAnswer, Slowness, "dies", "sigterm"]

SQL_FAULTS: tuple[SqlFault, ...] = get_args(SqlFault)
LOST_CALLS: tuple[LostCall, ...] = get_args(LostCall)
LOST_ANSWERS: tuple[LostAnswer, ...] = get_args(LostAnswer)
SLOWNESS: tuple[Slowness, ...] = get_args(Slowness)
DIES: Literal["dies"] = "dies"
SIGTERM: Literal["sigterm"] = "sigterm"
ONLY_READ = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods of calls that have no effect."""
FAULT_NAMES: tuple[FaultName, ...] = (*SQL_FAULTS, *REFUSALS, *LOST_CALLS, *LOST_ANSWERS, *SLOWNESS, DIES, SIGTERM)

DESCRIPTIONS: Mapping[FaultName, str] = {
    "sql-error": "the server answers the statement with an error, and it has no effect",
    "connection-lost-before": "the connection is gone before the statement has reached the server",
    "connection-lost-after": "the statement (or COMMIT) has taken effect, and the connection is gone before the answer",
    "database-restarts": "every connection of every instance ends, as when the server restarts; open transactions are gone",
    **dict.fromkeys(REFUSALS, "the service answers with this error, and has not accepted the message"),
    "timeout-before": "the call never reaches the service, and is never answered",
    "timeout-after": "the service has accepted the message, and the call is never answered",
    "reset-before": "the connection to the service breaks before the request has arrived",
    "reset-after": "the service has accepted the message, and the connection breaks before the answer",
    "unknown-error-after": "the service has accepted the message, and answers 500",
    "truncated": "the service has accepted the message, and the body of its 202 ends in the middle",
    "not-json": "the service has accepted the message, and the body of its 202 is a page of HTML",
    "slow-before": "the call reaches the service only when the cron was due again and the others have run",
    "slow-after": "the service has accepted the message, but answers only when the cron was due again and the others have run",
    "dies": "the instance is killed, and does nothing more",
    "sigterm": "the instance gets the signal with which a scheduler asks it to end; what it still does goes on step by step",
}

_SEPARATOR = "!"
_TAKES_BACK = re.compile(r"\s*rollback\b", re.IGNORECASE)


def parse_choice(choice: str) -> tuple[str, FaultName | None]:
    """Splits a choice into its channel and its fault, if it has one.

    Raises:
        ValueError: there is no such fault.
    """
    channel, _, name = choice.partition(_SEPARATOR)
    if not name:
        return channel, None
    if name not in FAULT_NAMES:
        raise ValueError(f"there is no fault {name!r}")
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
            _, method, _ = point.text.split(" ", 2)
            sends = method not in ONLY_READ
            yield from point.refusals
            yield from LOST_CALLS
            # A call that only reads has no effect, so losing its answer is like losing the call.
            yield from LOST_ANSWERS if sends else LOST_ANSWERS[-2:]
            yield from SLOWNESS if sends else ()
        case "start" | "inside":
            return
        case "answer":
            pass
    yield DIES
    yield SIGTERM


@dataclass(frozen=True)
class Faults:
    """The faults to inject: any of `names`, and at most `at_most` in one execution."""

    names: frozenset[FaultName]
    at_most: int = 1

    def at(self, point: Point) -> list[FaultName]:
        """Returns the faults to inject at a point, always in the same order."""
        return [fault for fault in possible_faults(point) if fault in self.names]
