"""The services that the package describes: each sends, refuses in its own words, and is where it is."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from cronproof.domain.message import Attempt
from cronproof.services.bundled import BUNDLED, load_bundled
from cronproof.services.declared import Declared
from cronproof.services.exchange import Request, Response

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
SENT: dict[str, tuple[str, str, dict[str, Any], str, str, int]] = {
    "twilio": (
        "/2010-04-01/Accounts/AC1/Messages.json",
        FORM,
        {"To": "+12125550132", "From": "+12125550100", "Body": "Hi"},
        "+12125550132",
        "Hi",
        201,
    ),
    "resend": (
        "/emails",
        JSON,
        {"to": ["ada@example.com"], "subject": "Hi", "html": "<p>Hi"},
        "ada@example.com",
        "<p>Hi",
        200,
    ),
    "sendgrid": (
        "/v3/mail/send",
        JSON,
        {
            "personalizations": [{"to": [{"email": "ada@example.com"}]}],
            "subject": "Hi",
            "content": [{"type": "text/plain", "value": "Hi Ada"}],
        },
        "ada@example.com",
        "Hi Ada",
        202,
    ),
    "slack": ("/services/T1/B1/secret", JSON, {"text": "Hi"}, "T1/B1", "Hi", 200),
    "stripe": (
        "/v1/payment_intents",
        FORM,
        {"amount": "500", "currency": "usd", "customer": "cus_1"},
        "cus_1",
        "500 usd",
        200,
    ),
}


def asked(
    service: Declared, path: str, kind: str, body: dict[str, Any], **headers: str
) -> tuple[Response, list[Attempt]]:
    logged: list[Attempt] = []
    content = json.dumps(body) if kind == JSON else urlencode(body)
    request = Request("POST", path, {}, {"content-type": kind} | headers, content.encode())
    return service.handle(request, logged.append), logged


def test_each_of_them_is_tried_here() -> None:
    assert SENT.keys() == set(BUNDLED)


@pytest.mark.parametrize("name", BUNDLED)
def test_it_accepts_a_message(name: str) -> None:
    path, kind, body, to, text, status = SENT[name]

    response, (message,) = asked(Declared(load_bundled(name)), path, kind, body)

    assert (response.status, message.to, message.content, message.accepted) == (status, to, text, True)
    assert b"{" not in response.body.replace(b'{"', b"")


@pytest.mark.parametrize("name", BUNDLED)
def test_it_refuses_in_its_own_words(name: str) -> None:
    service = Declared(load_bundled(name))

    for error in ("invalid-request", "unauthorized", "not-found", "rate-limited", "unknown-error"):
        refusal = service.refusal(error)
        assert refusal.status >= 400
        assert refusal.body != Response.of_json(refusal.status, {"error": "Not Found"}).body


@pytest.mark.parametrize(("name", "messages"), [("resend", 1), ("stripe", 1), ("twilio", 2), ("sendgrid", 2)])
def test_some_know_a_request_by_its_key_again(name: str, messages: int) -> None:
    path, kind, body, *_ = SENT[name]
    service = Declared(load_bundled(name))

    answers = [asked(service, path, kind, body, **{"idempotency-key": "k"}) for _ in range(2)]

    assert sum(len(logged) for _, logged in answers) == messages
    assert (answers[0][0].body == answers[1][0].body) is (messages == 1 or name == "sendgrid")


@pytest.mark.parametrize(
    ("name", "error", "status", "said"),
    [("twilio", "unsubscribed", 400, b"21610"), ("resend", "daily-quota-exceeded", 429, b"daily_quota_exceeded")],
)
def test_some_have_errors_that_no_other_has(name: str, error: str, status: int, said: bytes) -> None:
    service = Declared(load_bundled(name))

    refusal = service.refuse(error)

    assert error in service.refusals
    assert (refusal.status, said in refusal.body) == (status, True)


def test_slack_answers_in_plain_text() -> None:
    path, kind, body, *_ = SENT["slack"]

    response, _ = asked(Declared(load_bundled("slack")), path, kind, body)

    assert (response.body, response.headers["content-type"]) == (b"ok", "text/plain; charset=utf-8")
