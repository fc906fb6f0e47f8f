"""A mock of the OpenPhone (Quo) API, v1: sending and listing messages.

A request is checked in this order: key, rate limit, route, body. The provider does not document
its order. Nothing is idempotent: the same request twice is two messages.
"""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, get_args

from cronproof.domain.message import Attempt
from cronproof.services.api import Api, Meaning
from cronproof.services.bundled.openphone_errors import ERRORS, Envelope, error_response
from cronproof.services.exchange import Log, RateLimit, Request, Response, not_found

REQUESTS_PER_SECOND = 10
_E164 = re.compile(r"^\+[1-9]\d{1,14}$")
# With country code 1, area code and exchange begin with 2 to 9. The live API answers 400 to
# +10000000000, which violates that.
_NORTH_AMERICAN = re.compile(r"^\+1[2-9]\d{2}[2-9]\d{6}$")
_PHONE_NUMBER_ID = re.compile(r"^PN(.*)$")
_USER_ID = re.compile(r"^US(.*)$")
_MESSAGE_ID = re.compile(r"^AC(.*)$")
_NUMBER = re.compile(r"^[0-9]{1,18}$")
_NON_SPACE = re.compile(r"\S")
_MAX_CONTENT_CHARACTERS = 1600
_MAX_RECIPIENTS = 10
_MAX_RESULTS = range(1, 101)


@dataclass
class OpenPhone(Api):
    """One workspace: the keys it accepts, its number, what it has sent."""

    hosts: ClassVar[Sequence[str]] = ("api.openphone.com", "api.quo.com")  # https://www.quo.com/docs serves v1 at both
    words: ClassVar[Sequence[str]] = ("quo",)
    placeholders: ClassVar[Mapping[str, Meaning]] = {"openphone_url": "url", "openphone_api_key": "key"}
    choices: ClassVar[Mapping[str, Sequence[str]]] = {"envelope": get_args(Envelope)}
    phone_number: str = "+12125550100"
    sent: list[dict[str, Any]] = field(default_factory=list)
    _rate: RateLimit = field(default_factory=lambda: RateLimit(REQUESTS_PER_SECOND, 1))

    def handle(self, request: Request, log: Log, refusal: Response | None = None) -> Response:
        """Answers a request, with `refusal` if given. `log` gets the message in it, if it has one."""
        key = request.headers.get("authorization")
        limit = self._rate.left(key or "", self.clock())
        headers = {
            "ratelimit-policy": f'"per-second"; q={REQUESTS_PER_SECOND}; w=1',
            "ratelimit": f'"per-second"; r={max(limit, 0)}; t=1',
        }
        if refusal is not None:
            if request.method == "POST":
                body = _content(request)
                log(Attempt(*_recipient_and_content(body), refusal.status, None, (key, _sender(body))))
            return replace(refusal, headers={**refusal.headers, **headers})
        response = self._answer(request, key, limit, log)
        return replace(response, headers={**response.headers, **headers})

    def refusal(self, name: str) -> Response:
        """Builds the API's response for an error."""
        return error_response(name, self.envelope)

    @property
    def refusals(self) -> Sequence[str]:
        """Those that the API documents, and that of a gateway before it."""
        return [*ERRORS, "bad-gateway"]

    @property
    def envelope(self) -> Envelope:
        """The form of its errors: as documented (flat), or as seen live (wrapped)."""
        return "wrapped" if self.options.get("envelope") == "wrapped" else "flat"

    def shift_time(self, time: timedelta) -> None:
        """Moves what was sent into the past."""
        super().shift_time(time)
        for message in self.sent:
            message |= {name: _iso(datetime.fromisoformat(message[name]) - time) for name in ("createdAt", "updatedAt")}

    def _answer(self, request: Request, key: str | None, limit: int, log: Log) -> Response:
        if key is None or key not in self.api_keys:
            message = "Missing authorization header" if key is None else "Unauthorized"
            return ERRORS["unauthorized"].response("wrapped", message=message)
        match request.method, request.path.rstrip("/").split("/")[1:]:
            case "POST", ["v1", "messages"]:
                return self._send(request, key, limit, log)
            case _ if limit < 0:
                return error_response("rate-limited", self.envelope)
            case "GET", ["v1", "messages"]:
                return self._list(request)
            case "GET", ["v1", "messages", message_id]:
                return self._one(message_id)
            case _:
                return not_found(request)

    def _send(self, request: Request, key: str, limit: int, log: Log) -> Response:
        body = _content(request)
        to, content = _recipient_and_content(body)
        response = self._refusal(body, to, limit)
        if response is not None:
            log(Attempt(to, content, response.status, None, (key, _sender(body))))
            return response
        message = self._accepted(body)
        self.sent.append(message)
        log(Attempt(to, content, 202, message["id"], (key, _sender(body))))
        return Response.of_json(202, {"data": message})

    def _refusal(self, body: Any, to: str, limit: int) -> Response | None:
        if limit < 0:
            return error_response("rate-limited", self.envelope)
        errors = list(_mistakes(body))
        if errors:
            first = errors[0]
            text = f"{first['path']}: {first['message']}"
            return ERRORS["invalid-request"].response(self.envelope, message=text, errors=errors)
        error = self.script.find([to])
        return None if error is None else error_response(error, self.envelope)

    def _accepted(self, body: dict[str, Any]) -> dict[str, Any]:
        sender, number = body["from"], len(self.sent) + 1
        now = _iso(datetime.now(UTC))
        by_id = _PHONE_NUMBER_ID.match(sender) is not None
        return {
            "id": f"AC{number:032x}",
            "to": list(body["to"]),
            "from": self.phone_number if by_id else sender,
            "text": body["content"],
            "phoneNumberId": sender if by_id else None,
            "conversationId": f"CN{zlib.crc32(','.join(body['to']).encode()):032x}",
            "direction": "outgoing",
            "userId": body.get("userId", "US0000000001"),
            "status": "queued",
            "createdAt": now,
            "updatedAt": now,
        }

    def _list(self, request: Request) -> Response:
        query = request.query
        participants = query.get("participants", []) + query.get("participants[]", [])
        phone_number_id = _first(query.get("phoneNumberId"))
        maximum = _first(query.get("maxResults")) or "10"
        errors = []
        if phone_number_id is None or not _PHONE_NUMBER_ID.match(phone_number_id):
            errors.append(_mistake("/phoneNumberId", "Expected string to match '^PN(.*)$'", phone_number_id))
        if not participants:
            errors.append(_mistake("/participants", "Expected required property", None, "array"))
        if not _NUMBER.match(maximum) or int(maximum) not in _MAX_RESULTS:
            errors.append(_mistake("/maxResults", "Expected integer between 1 and 100", maximum, "integer"))
        token = _first(query.get("pageToken")) or "0"
        if not _NUMBER.match(token):
            errors.append(_mistake("/pageToken", "Expected a token of an earlier page", token))
        if errors:
            text = f"{errors[0]['path']}: {errors[0]['message']}"
            return ERRORS["invalid-request"].response(self.envelope, message=text, errors=errors)
        after, before = _first(query.get("createdAfter")) or "", _first(query.get("createdBefore")) or "~"
        found = [
            message
            for message in reversed(self.sent)
            if message["phoneNumberId"] == phone_number_id
            and set(message["to"]) == set(participants)
            and after <= message["createdAt"] <= before
        ]
        start, end = int(token), int(token) + int(maximum)
        page = {
            "data": found[start:end],
            "totalItems": len(found),
            "nextPageToken": str(end) if end < len(found) else None,
        }
        return Response.of_json(200, page)

    def _one(self, message_id: str) -> Response:
        if not _MESSAGE_ID.match(message_id):
            mistake = _mistake("/messageId", "Expected string to match '^AC(.*)$'", message_id)
            text = f"{mistake['path']}: {mistake['message']}"
            return ERRORS["invalid-request"].response(self.envelope, message=text, errors=[mistake])
        for message in self.sent:
            if message["id"] == message_id:
                return Response.of_json(200, {"data": message})
        return error_response("not-found", self.envelope)


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _content(request: Request) -> Any:
    """Returns a request's JSON body; None if it cannot be read."""
    try:
        return request.json()
    except ValueError:
        return None


def _mistakes(body: Any) -> Iterable[dict[str, Any]]:
    """Yields what is wrong with the body of a request to send a message, field by field."""
    if not isinstance(body, dict):
        yield _mistake("", "Expected object", None, "object")
        return
    yield from _content_mistakes(body.get("content"))
    sender = body.get("from")
    if not isinstance(sender, str):
        yield _mistake("/from", "Expected string", sender)
    elif not _PHONE_NUMBER_ID.match(sender) and not _E164.match(sender):
        yield _mistake("/from", "Expected union value", sender)
    yield from _recipient_mistakes(body.get("to"))
    for name, pattern in (("phoneNumberId", _PHONE_NUMBER_ID), ("userId", _USER_ID)):
        value = body.get(name)
        if name in body and not (isinstance(value, str) and pattern.match(value)):
            yield _mistake(f"/{name}", f"Expected string to match '{pattern.pattern}'", value)
    if "setInboxStatus" in body and body["setInboxStatus"] != "done":
        yield _mistake("/setInboxStatus", "Expected 'done'", body["setInboxStatus"])


def _content_mistakes(content: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(content, str):
        yield _mistake("/content", "Expected string", content)
    elif not content:
        yield _mistake("/content", "Expected string length greater or equal to 1", content)
    elif len(content) > _MAX_CONTENT_CHARACTERS:
        yield _mistake("/content", f"Expected string length less or equal to {_MAX_CONTENT_CHARACTERS}", content)
    elif not _NON_SPACE.search(content):
        yield _mistake("/content", r"Expected string to match '.*\S.*'", content)


def _recipient_mistakes(to: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(to, list):
        yield _mistake("/to", "Expected array", to, "array")
    elif not to:
        yield _mistake("/to", "Expected array length to be greater or equal to 1", to, "array")
    elif len(to) > _MAX_RECIPIENTS:
        yield _mistake("/to", f"Expected array length to be less or equal to {_MAX_RECIPIENTS}", to, "array")
    else:
        for position, number in enumerate(to):
            if not isinstance(number, str):
                yield _mistake(f"/to/{position}", "Expected string", number)
            elif not _E164.match(number):
                yield _mistake(f"/to/{position}", f"Expected string to match '{_E164.pattern}'", number)
            elif number.startswith("+1") and not _NORTH_AMERICAN.match(number):
                yield _mistake(f"/to/{position}", "Expected a valid phone number", number)


def _mistake(path: str, message: str, value: Any, kind: str = "string") -> dict[str, Any]:
    mistake = {"path": path, "message": message, "schema": {"type": kind}}
    return mistake if value is None else mistake | {"value": value}


def _recipient_and_content(body: Any) -> tuple[str, str]:
    """Returns as much of a message as can be read, for the log."""
    fields = body if isinstance(body, dict) else {}
    to = fields.get("to")
    recipients = to if isinstance(to, list) else [to]
    return ", ".join(str(number) for number in recipients if number is not None), str(fields.get("content", ""))


def _sender(body: Any) -> str | None:
    """Returns the number, or its id, from which a message is to be sent."""
    sender = body.get("from") if isinstance(body, dict) else None
    return sender if isinstance(sender, str) else None


def _first(values: list[str] | None) -> str | None:
    return values[0] if values else None
