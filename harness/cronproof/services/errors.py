"""The errors with which services refuse a call. A service has those of every service, and others by names that it chooses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WithJsonSchema

from cronproof.gate.fault import FAULT_NAMES, NAME, SEVERAL_FAULTS
from cronproof.services.exchange import Response

OF_EVERY_SERVICE = ("unauthorized", "rate-limited", "unknown-error", "bad-gateway")
"""Those that every service has, also for calls that send nothing."""

FIRST_ERROR = 400
"""From this status on, a response is an error."""


@dataclass(frozen=True)
class UsualError:
    """An error as most HTTP APIs have it (RFC 9110, RFC 6585)."""

    status: int
    title: str


USUAL: Mapping[str, UsualError] = {
    "invalid-request": UsualError(400, "Bad Request"),
    "unauthorized": UsualError(401, "Unauthorized"),
    "not-found": UsualError(404, "Not Found"),
    "conflict": UsualError(409, "Conflict"),
    "rate-limited": UsualError(429, "Too Many Requests"),
    "unknown-error": UsualError(500, "Internal Server Error"),
    "bad-gateway": UsualError(502, "Bad Gateway"),
}
"""The errors whose status need not be said, by name."""


def _suggest(names: Iterable[str]) -> dict[str, Any]:
    """Returns the JSON Schema of a name that may be another one than these."""
    return {"type": "string", "anyOf": [{"enum": list(names)}, {"pattern": f"^{NAME.pattern}$"}]}


ErrorName = Annotated[str, WithJsonSchema(_suggest(USUAL))]
"""The name that a service has for an error."""
FaultWord = Annotated[str, WithJsonSchema(_suggest([*FAULT_NAMES, *USUAL, *sorted(SEVERAL_FAULTS)]))]
"""The name of a fault, or a word for several."""

BAD_GATEWAY = Response.of_html(
    502, "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<h1>502 Bad Gateway</h1>\n</body>\n</html>\n"
)
"""What a proxy before a service answers that does not reach it."""
