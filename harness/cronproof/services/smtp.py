"""A mail server, as an application sends mail to it by SMTP (RFC 5321).

What its server (`smtp_server.py`) has received of one mail is one request: method DATA, the envelope's addresses as
`from` and `to` of the query, the mail as its body. A response's body is the whole reply line. Each recipient is one message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import ClassVar

from cronproof.domain.message import Attempt
from cronproof.services.api import Api
from cronproof.services.exchange import Log, Request, Response

NAME, METHOD, PATH = "smtp", "DATA", "mail"
PORTS: set[int] = set()
"""The ports at which this process serves mail."""
# With enhanced status codes (RFC 3463). Senders' quotas are refused as Gmail does: https://support.google.com/a/answer/3726730.
_ERRORS: Mapping[str, str] = {
    "invalid-request": "550 5.1.1 Mailbox unavailable",
    "unauthorized": "530 5.7.0 Authentication required",
    "daily-cap-reached": "550 5.4.5 Daily user sending limit exceeded",
    "rate-limited": "451 4.7.1 Please try again later",
    "unknown-error": "451 4.3.0 Local error in processing",
    "bad-gateway": "421 4.3.2 System not accepting network messages",
}


@dataclass
class Smtp(Api):
    """It accepts every login and every recipient."""

    fields: ClassVar[Sequence[str]] = ("to", "text", "from", "subject", "html")
    _accepted: int = 0

    @property
    def refusals(self) -> Sequence[str]:
        """Those with which a mail server refuses."""
        return list(_ERRORS)

    def refuse(self, name: str) -> Response:
        """Builds its reply for an error. Nothing stands before it that speaks HTTP."""
        return self.refusal(name)

    def refusal(self, name: str) -> Response:
        """Builds its reply for an error."""
        return reply(_ERRORS[name])

    def handle(self, request: Request, log: Log, refusal: Response | None = None) -> Response:
        """Answers a mail, with `refusal` if given. `log` gets a message for each recipient."""
        recipients = request.query["to"]
        if refusal is None and (error := self.script.find(recipients)) is not None:
            refusal = self.refusal(error)
        if refusal is None:
            self._accepted += 1
        response = refusal or reply(f"250 2.0.0 Ok: queued as {self._accepted}")
        mail = message_from_bytes(request.body, policy=policy.default)
        more = {"from": request.query["from"][0], "subject": str(mail["subject"] or ""), "html": _part(mail, "html")}
        text = _part(mail, "plain") or more["html"]
        for to in recipients:
            log(Attempt(to, text, response.status, None if refusal else str(self._accepted), more=more))
        return response


def reply(line: str) -> Response:
    """Builds a reply of one line, which begins with its status."""
    return Response(int(line[:3]), f"{line}\r\n".encode())


def _part(mail: EmailMessage, kind: str) -> str:
    """Returns the body of a mail in a kind of text; empty if it has none, or none that can be read."""
    part = mail.get_body((kind,))
    try:
        return "" if part is None else str(part.get_content()).rstrip("\r\n")
    except (LookupError, ValueError):
        return ""
