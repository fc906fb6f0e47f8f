"""The errors that OpenPhone documents for sending a message, and the two envelopes it has used.

flat     as the specification has it: {message, code, status, docs, title, …}. `code` is a string of seven digits: two
         for the resource (02: messages), two more, and the HTTP status.
wrapped  as the live API answers since 2026: {error: {message, key, trace}}

The specification has no schema for 409 and 429; their codes here follow the pattern of the others. Source: the OpenAPI
documents of api.openphone.com (December 2025) and api.quo.com (2026), operation sendMessage_v1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cronproof.services.errors import BAD_GATEWAY
from cronproof.services.exchange import Response

Envelope = Literal["flat", "wrapped"]
DOCS = "https://quo.com/docs"
TRACE = "6480612490142498014"


@dataclass(frozen=True)
class ApiError:
    """One documented error."""

    status: int
    code: str
    title: str
    message: str
    has_description: bool = False

    def response(self, envelope: Envelope, *, message: str | None = None, errors: Sequence[Any] = ()) -> Response:
        """Builds the response. `message` replaces the usual text; `errors` lists wrong fields."""
        text = message or self.message
        content: dict[str, Any]
        if envelope == "wrapped":
            content = {"error": {"message": text, "key": self.title, "trace": TRACE}}
        else:
            content = {"message": text, "code": self.code, "status": self.status, "docs": DOCS, "title": self.title}
            if self.has_description:
                content["description"] = text
            if errors:
                content["errors"] = list(errors)
        return Response.of_json(self.status, content)


ERRORS: dict[str, ApiError] = {
    "invalid-request": ApiError(400, "0200400", "Bad Request", "The input was invalid"),
    "a2p-not-approved": ApiError(
        400,
        "0206400",
        "A2P Registration Not Approved",
        "The organization is not approved for A2P",
        has_description=True,
    ),
    "unauthorized": ApiError(401, "0200401", "Unauthorized", "You are unauthorized to access the message"),
    "not-enough-credits": ApiError(
        402,
        "0200402",
        "Not Enough Credits",
        "The organization does not have enough prepaid credits to send the message",
        has_description=True,
    ),
    "subscription-expired": ApiError(
        402, "0201402", "Subscription Expired", "Your subscription has expired", has_description=True
    ),
    "not-phone-number-user": ApiError(
        403, "0202403", "Not Phone Number User", "You are forbidden to access the message", has_description=True
    ),
    "daily-cap-reached": ApiError(
        403, "0204403", "A2P 10DLC Daily Message Cap Reached", "The daily message cap of the campaign is reached"
    ),
    "not-found": ApiError(404, "0200404", "Not Found", "Message not found"),
    "conflict": ApiError(409, "0200409", "Conflict", "Conflict with another request"),
    "rate-limited": ApiError(429, "0200429", "Too Many Requests", "Too many requests"),
    "unknown-error": ApiError(500, "0201500", "Unknown Error", "An unknown error occurred"),
}


def error_response(name: str, envelope: Envelope) -> Response:
    """Builds an error in an envelope. A bad gateway has none: a proxy before the API sends HTML."""
    return BAD_GATEWAY if name == "bad-gateway" else ERRORS[name].response(envelope)
