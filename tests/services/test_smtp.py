"""What the mail server makes of a mail."""

import pytest

from cronproof.domain.message import Attempt
from cronproof.services.exchange import Request, Response
from cronproof.services.given import Refusal
from cronproof.services.script import Script
from cronproof.services.smtp import METHOD, PATH, Smtp

PLAIN = b"From: shop@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHi Ada\r\n"
BOTH = (
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nHi Ada\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hi Ada</p>\r\n--b--\r\n"
)
HTML = b"Content-Type: text/html\r\n\r\n<p>Hi</p>\r\n"


def deliver(server: Smtp, mail: bytes, *to: str, refusal: Response | None = None) -> tuple[Response, list[Attempt]]:
    logged: list[Attempt] = []
    query = {"from": ["bounces@example.com"], "to": list(to) or ["ada@example.com"]}
    return server.handle(Request(METHOD, PATH, query, {}, mail), logged.append, refusal), logged


def test_each_recipient_of_the_envelope_is_a_message() -> None:
    response, logged = deliver(Smtp(), PLAIN, "ada@example.com", "ben@example.com")

    assert response.body == b"250 2.0.0 Ok: queued as 1\r\n"
    assert [(one.to, one.content, one.status) for one in logged] == [
        ("ada@example.com", "Hi Ada", 250),
        ("ben@example.com", "Hi Ada", 250),
    ]
    assert logged[0].more == {"from": "bounces@example.com", "subject": "Grüße", "html": ""}


@pytest.mark.parametrize(
    ("mail", "text", "html"),
    [
        (BOTH, "Hi Ada", "<p>Hi Ada</p>"),
        (HTML, "<p>Hi</p>", "<p>Hi</p>"),
        (b"", "", ""),
        (b"Content-Type: text/plain; charset=nonsense\r\n\r\nHi", "", ""),
        (b"Subject: a\x00b\xff\r\n\r\nHi \xff", "Hi \N{REPLACEMENT CHARACTER}", ""),
    ],
)
def test_the_content_is_the_text_or_else_the_html(mail: bytes, text: str, html: str) -> None:
    _, (message,) = deliver(Smtp(), mail)

    assert (message.content, message.more["html"]) == (text, html)


@pytest.mark.parametrize("name", Smtp().refusals)
def test_a_refused_mail_was_not_accepted(name: str) -> None:
    server = Smtp()

    response, (message,) = deliver(server, PLAIN, refusal=server.refuse(name))

    assert 400 <= response.status < 600
    assert (message.status, message.accepted, message.message_id) == (response.status, False, None)


def test_a_scenario_has_it_refuse_some_recipients() -> None:
    server = Smtp(script=Script([Refusal(error="invalid-request", to="ada@example.com", times=1)]))

    statuses = [
        deliver(server, PLAIN, to)[0].status for to in ("ben@example.com", "ada@example.com", "ada@example.com")
    ]

    assert statuses == [250, 550, 250]
