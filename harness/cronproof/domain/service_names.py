"""The names of the messaging services, and the errors with which they can refuse a call."""

from typing import Literal, get_args

SERVICE_NAMES = ("openphone", "telegram", "ghl")
"""The bundled services."""

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
    """Returns the errors with which a service can refuse a call. `sends`: it sends a message."""
    return REFUSALS if sends and service == "openphone" else _OF_EVERY_SERVICE
