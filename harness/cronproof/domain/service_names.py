"""The errors with which services can refuse a call."""

from typing import Literal, get_args

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
OF_EVERY_SERVICE: tuple[ErrorName, ...] = ("unauthorized", "rate-limited", "unknown-error", "bad-gateway")
"""Those that every service has, also for calls that send nothing."""
