"""A mock of GoHighLevel's API for sending an SMS (apps/conversations.json, version 2021-04-15).

Limits are 100 requests in ten seconds and 200,000 a day. Each response says what is left:
https://help.gohighlevel.com/support/solutions/articles/48001060529-highlevel-api.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from cronproof.domain.message import Attempt
from cronproof.services.api import Api, Meaning
from cronproof.services.errors import USUAL
from cronproof.services.exchange import Log, RateLimit, Request, Response, not_found

VERSION = "2021-04-15"
BURST_REQUESTS, BURST_SECONDS = 100, 10
DAILY_REQUESTS = 200_000
_TYPES = frozenset({"SMS", "RCS", "Email", "WhatsApp", "IG", "FB", "Custom", "Live_Chat", "TIKTOK"})


@dataclass
class GoHighLevel(Api):
    """One location."""

    hosts: ClassVar[Sequence[str]] = ("services.leadconnectorhq.com",)
    words: ClassVar[Sequence[str]] = ("leadconnector", "highlevel")
    placeholders: ClassVar[Mapping[str, Meaning]] = {"ghl_url": "url"}
    sent: list[dict[str, Any]] = field(default_factory=list)
    _rate: RateLimit = field(default_factory=lambda: RateLimit(BURST_REQUESTS, BURST_SECONDS))
    _requests: int = 0

    def refusal(self, name: str) -> Response:
        """Builds the API's response for an error."""
        error = USUAL[name]
        return Response.of_json(error.status, {"statusCode": error.status, "message": error.title})

    def handle(self, request: Request, log: Log, refusal: Response | None = None) -> Response:
        """Answers a request, with `refusal` if given. `log` gets the message in it, if it has one."""
        left = self._rate.left("", self.clock())
        self._requests += 1
        if left < 0:
            refusal = refusal or self.refusal("rate-limited")
        headers = {
            "x-ratelimit-limit-daily": str(DAILY_REQUESTS),
            "x-ratelimit-daily-remaining": str(DAILY_REQUESTS - self._requests),
            "x-ratelimit-interval-milliseconds": str(BURST_SECONDS * 1000),
            "x-ratelimit-max": str(BURST_REQUESTS),
            "x-ratelimit-remaining": str(max(left, 0)),
        }
        response = self._answer(request, log, refusal)
        return replace(response, headers={**response.headers, **headers})

    def _answer(self, request: Request, log: Log, refusal: Response | None) -> Response:
        if (request.method, request.path) != ("POST", "/conversations/messages"):
            return not_found(request)
        token = request.headers.get("authorization", "")
        if not token.startswith("Bearer ") or not token.removeprefix("Bearer ").strip():
            content = {"statusCode": 401, "message": "Invalid token: access token is invalid", "error": "Unauthorized"}
            return Response.of_json(401, content)
        if request.headers.get("version") != VERSION:
            return _unprocessable([f"version header must be {VERSION}"])
        try:
            body = request.json()
        except ValueError:
            return Response.of_json(400, {"statusCode": 400, "message": "Bad Request"})
        fields = body if isinstance(body, dict) else {}
        contact, text = str(fields.get("contactId") or ""), str(fields.get("message") or "")
        mistakes = _mistakes(fields)
        if refusal is None and not mistakes and (error := self.script.find([contact])) is not None:
            refusal = self.refuse(error)
        if refusal is not None or mistakes:
            refusal = refusal or _unprocessable(mistakes)
            log(Attempt(contact, text, refusal.status))
            return refusal
        number = len(self.sent) + 1
        self.sent.append({"contactId": contact, "message": text})
        message_id = f"ghl{number:020d}"
        log(Attempt(contact, text, 200, message_id))
        content = {"conversationId": f"conversation-{contact}", "messageId": message_id, "status": "pending"}
        return Response.of_json(200, content)


def _mistakes(fields: dict[str, Any]) -> list[str]:
    mistakes = []
    if fields.get("type") not in _TYPES:
        mistakes.append(f"type must be one of the following values: {', '.join(sorted(_TYPES))}")
    mistakes += [
        f"{name} must be a non-empty string"
        for name in ("contactId", "message")
        if not (isinstance(fields.get(name), str) and fields[name])
    ]
    return mistakes


def _unprocessable(mistakes: list[str]) -> Response:
    return Response.of_json(422, {"statusCode": 422, "message": mistakes, "error": "Unprocessable Entity"})
