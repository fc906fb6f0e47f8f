"""The services that messages are handed to, by name, and the errors with which they can refuse."""

from __future__ import annotations

from typing import Literal, get_args

ServiceName = Literal["openphone", "telegram", "ghl"]
SERVICE_NAMES: tuple[ServiceName, ...] = get_args(ServiceName)

ErrorName = Literal[
    "invalid-request",
    "a2p-not-approved",
    "unauthorized",
    "not-enough-credits",
    "subscription-expired",
    "not-phone-number-user",
    "daily-cap-reached",
    "not-found",
    "conflict",
    "rate-limited",
    "unknown-error",
    "bad-gateway",
]

REFUSALS: tuple[ErrorName, ...] = get_args(ErrorName)
_OF_EVERY_SERVICE: tuple[ErrorName, ...] = ("unauthorized", "rate-limited", "unknown-error", "bad-gateway")


def refusals_of(service: str, *, sends: bool) -> tuple[ErrorName, ...]:
    """The errors with which a service can refuse a call that `sends` a message, or asks something."""
    return REFUSALS if sends and service == "openphone" else _OF_EVERY_SERVICE
