"""Telegram's bot API, as far as sendMessage goes: https://core.telegram.org/bots/api#sendmessage."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from harness.mocks.exchange import Log, Request, Response, Tried
from harness.mocks.openphone_errors import ERRORS, ErrorName

_PATH = re.compile(r"^/bot([^/]+)/(\w+)$")
_TOKEN = re.compile(r"^\d+:[\w-]+$")
_MAX_TEXT_CHARACTERS = 4096
RETRY_SECONDS = 35


@dataclass
class Telegram:
    """All bots whose token has the form of one."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    def refusal(self, name: ErrorName) -> Response:
        """How the API refuses."""
        status = ERRORS[name].status
        if name != "rate-limited":
            return _error(status, ERRORS[name].title)
        content = {"ok": False, "error_code": 429, "description": f"Too Many Requests: retry after {RETRY_SECONDS}"}
        return Response.of_json(429, content | {"parameters": {"retry_after": RETRY_SECONDS}})

    def handle(self, request: Request, log: Log, refusal: Response | None = None) -> Response:
        """Answers one request, with the refusal if one is given; `log` is told of the message in it."""
        path = _PATH.match(request.path)
        if path is None or path[2].lower() != "sendmessage":
            return _error(404, "Not Found")
        if not _TOKEN.match(path[1]):
            return _error(401, "Unauthorized")
        fields = _fields(request)
        chat_id, text = str(fields.get("chat_id", "")), str(fields.get("text", ""))
        if refusal is not None:
            log(Tried(chat_id, text, refusal.status))
            return refusal
        mistake = _mistake(chat_id, text)
        if mistake is not None:
            log(Tried(chat_id, text, 400))
            return _error(400, mistake)
        message = {
            "message_id": len(self.sent) + 1,
            "from": {"id": int(path[1].split(":")[0]), "is_bot": True, "first_name": "bot"},
            "chat": {"id": int(chat_id) if chat_id.lstrip("-").isdigit() else chat_id, "type": "private"},
            "date": 1700000000 + len(self.sent),
            "text": text,
        }
        self.sent.append(message)
        log(Tried(chat_id, text, 200, str(message["message_id"])))
        return Response.of_json(200, {"ok": True, "result": message})


def _fields(request: Request) -> dict[str, Any]:
    """JSON, a form, or the query: Telegram takes each."""
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = request.json()
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}
    return request.form() or {name: values[0] for name, values in request.query.items()}


def _mistake(chat_id: str, text: str) -> str | None:
    if not chat_id:
        return "Bad Request: chat_id is empty"
    if not (chat_id.lstrip("-").isdigit() or chat_id.startswith("@")):
        return "Bad Request: chat not found"
    if not text:
        return "Bad Request: message text is empty"
    if len(text) > _MAX_TEXT_CHARACTERS:
        return "Bad Request: message is too long"
    return None


def _error(status: int, description: str) -> Response:
    return Response.of_json(status, {"ok": False, "error_code": status, "description": description})
