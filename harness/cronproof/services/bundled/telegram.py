"""A mock of Telegram's sendMessage: https://core.telegram.org/bots/api#sendmessage.

Limits (https://core.telegram.org/bots/faq): 30 messages a second, and one a second to a chat. Short
bursts to a chat are allowed; their length is not documented.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cronproof.domain.message import Attempt
from cronproof.services.api import Api, Meaning
from cronproof.services.errors import USUAL
from cronproof.services.exchange import Log, RateLimit, Request, Response

_PATH = re.compile(r"^/bot([^/]+)/(\w+)$")
_TOKEN = re.compile(r"^[0-9]{1,18}:[\w-]+$")
_CHAT_ID = re.compile(r"^-?[0-9]{1,18}$")
_MAX_TEXT_CHARACTERS = 4096
RETRY_SECONDS = 35
MESSAGES_PER_SECOND = 30
BURST = 10
"""How many messages one chat can get in as many seconds."""


@dataclass
class Telegram(Api):
    """All bots. Any well-formed token is accepted."""

    hosts: ClassVar[Sequence[str]] = ("api.telegram.org",)
    placeholders: ClassVar[Mapping[str, Meaning]] = {"telegram_url": "url"}
    sent: list[dict[str, Any]] = field(default_factory=list)
    _rate: RateLimit = field(default_factory=lambda: RateLimit(MESSAGES_PER_SECOND, 1))
    _rate_of_chat: RateLimit = field(default_factory=lambda: RateLimit(BURST, BURST))

    def refusal(self, name: str) -> Response:
        """Builds the API's response for an error."""
        if name == "rate-limited":
            return _too_many(RETRY_SECONDS)
        return _error(USUAL[name].status, USUAL[name].title)

    def sends(self, request: Request) -> bool:
        """Whether it is a method that sends, which may be asked by GET."""
        return request.path.lower().endswith("/sendmessage")

    def show_path(self, path: str) -> str:
        """Returns the method: what is before it holds the bot's token."""
        return path.rpartition("/")[2]

    def handle(self, request: Request, log: Log, refusal: Response | None = None) -> Response:
        """Answers a request, with `refusal` if given. `log` gets the message in it, if it has one."""
        path = _PATH.match(request.path)
        if path is None or path[2].lower() != "sendmessage":
            return _error(404, "Not Found")
        if not _TOKEN.match(path[1]):
            return _error(401, "Unauthorized")
        fields = _fields(request)
        chat_id, text = str(fields.get("chat_id", "")), str(fields.get("text", ""))
        refusal = refusal or self._limited(path[1], chat_id)
        if refusal is not None:
            log(Attempt(chat_id, text, refusal.status, None, (path[1],)))
            return refusal
        mistake = _mistake(chat_id, text)
        if mistake is not None:
            log(Attempt(chat_id, text, 400, None, (path[1],)))
            return _error(400, mistake)
        if (error := self.script.find([chat_id])) is not None:
            refusal = self.refuse(error)
            log(Attempt(chat_id, text, refusal.status, None, (path[1],)))
            return refusal
        message = {
            "message_id": len(self.sent) + 1,
            "from": {"id": int(path[1].split(":")[0]), "is_bot": True, "first_name": "bot"},
            "chat": {"id": int(chat_id) if _CHAT_ID.match(chat_id) else chat_id, "type": "private"},
            "date": 1700000000 + len(self.sent),
            "text": text,
        }
        self.sent.append(message)
        log(Attempt(chat_id, text, 200, str(message["message_id"]), (path[1],)))
        return Response.of_json(200, {"ok": True, "result": message})

    def _limited(self, bot: str, chat_id: str) -> Response | None:
        """Returns a refusal if the bot or the chat exceeds its rate limit."""
        now = self.clock()
        for rate, key in ((self._rate, bot), (self._rate_of_chat, f"{bot} {chat_id}")):
            if rate.left(key, now) < 0:
                return _too_many(math.ceil(rate.wait(key, now)))
        return None


def _too_many(seconds: int) -> Response:
    content = {"ok": False, "error_code": 429, "description": f"Too Many Requests: retry after {seconds}"}
    return Response.of_json(429, content | {"parameters": {"retry_after": seconds}})


def _fields(request: Request) -> dict[str, Any]:
    """Reads the parameters from JSON, a form or the query: Telegram accepts each."""
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
    if not (_CHAT_ID.match(chat_id) or chat_id.startswith("@")):
        return "Bad Request: chat not found"
    if not text:
        return "Bad Request: message text is empty"
    if len(text) > _MAX_TEXT_CHARACTERS:
        return "Bad Request: message is too long"
    return None


def _error(status: int, description: str) -> Response:
    return Response.of_json(status, {"ok": False, "error_code": status, "description": description})
