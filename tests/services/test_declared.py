"""Services as a configuration declares them."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx

from cronproof.domain.message import Attempt
from cronproof.services import in_process
from cronproof.services.declared import Answer, Declaration, Declared, Route, compile_expression
from cronproof.services.exchange import Request, Response
from cronproof.services.given import ServicesGiven
from cronproof.services.services import Services
from tests.support.services import api_of

SEND = Route(
    "POST",
    "/accounts/{account}/emails",
    Answer(
        201,
        {"x-kind": "mail"},
        {"id": "{uuid}", "number": "{number}", "said": "to {to} of {of}", "parts": ["{subject}"]},
    ),
    {
        "to": "to[*].email",
        "text": "html",
        "subject": "subject",
        "of": "path.account",
        "key": 'headers."idempotency-key"',
    },
)
LIST = Route("GET", "/accounts/{account}/emails", Answer(200, {}, {"data": []}))
MAIL = Declaration(
    "mail",
    ["api.mail.example"],
    [SEND, LIST],
    {"rate-limited": Answer(429, {"retry-after": "7"}, {"name": "too_many"})},
    requests=3,
)
EMAIL = {"to": [{"email": "ada@example.com"}], "subject": "Hi", "html": "<p>Hi</p>"}


def asked(
    service: Declared,
    body: Any = EMAIL,
    *,
    method: str = "POST",
    path: str = "/accounts/7/emails",
    refusal: Response | None = None,
    key: str | None = None,
) -> tuple[int, Any, list[Attempt]]:
    """The status, the body, and the messages that were logged."""
    logged: list[Attempt] = []
    content = json.dumps(body).encode() if body is not None else b""
    request = Request(
        method,
        path,
        {},
        {"content-type": "application/json"} | ({} if key is None else {"idempotency-key": key}),
        content,
    )
    response = service.handle(request, logged.append, refusal)
    return response.status, json.loads(response.body) if response.body else None, logged


def test_what_is_the_message_is_found_and_the_answer_is_filled_in() -> None:
    status, body, (message,) = asked(Declared(MAIL))

    assert (status, body["number"], body["said"], body["parts"]) == (201, 1, "to ada@example.com of 7", ["Hi"])
    assert (message.to, message.content, message.accepted) == ("ada@example.com", "<p>Hi</p>", True)
    assert message.fields["subject"] == "Hi"
    assert message.message_id == body["id"]


def test_each_recipient_gets_a_message() -> None:
    several = {**EMAIL, "to": [{"email": "ada@example.com"}, {"email": "ben@example.com"}]}

    _, _, messages = asked(Declared(MAIL), several)

    assert [message.to for message in messages] == ["ada@example.com", "ben@example.com"]


def test_a_key_that_is_known_is_no_second_message() -> None:
    service = Declared(MAIL)
    first = asked(service, key="k1")
    again = asked(service, key="k1")
    other = asked(service, key="k2")

    assert first[:2] == again[:2]
    assert [len(one[2]) for one in (first, again, other)] == [1, 0, 1]
    assert other[1]["id"] != first[1]["id"]


def test_a_refused_message_may_come_again_with_its_key() -> None:
    service = Declared(MAIL)
    status, body, (refused,) = asked(service, refusal=service.refusal("unknown-error"), key="k1")
    _, _, (accepted,) = asked(service, key="k1")

    assert (status, body, refused.accepted, accepted.accepted) == (500, {"error": "Internal Server Error"}, False, True)


@pytest.mark.parametrize("body", [{}, {"to": []}, {"to": [{"email": ""}]}, None, [1]])
def test_without_a_recipient_it_is_invalid(body: Any) -> None:
    status, _, (message,) = asked(Declared(MAIL), body)

    assert (status, message.accepted) == (400, False)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/emails"), ("PUT", "/accounts/7/emails"), ("POST", "/accounts/7/8/emails")]
)
def test_what_no_route_knows_is_not_found(method: str, path: str) -> None:
    status, body, messages = asked(Declared(MAIL), method=method, path=path)

    assert (status, body, messages) == (404, {"error": "Not Found"}, [])


def test_a_request_that_sends_nothing_is_answered() -> None:
    assert asked(Declared(MAIL), None, method="GET") == (200, {"data": []}, [])


def test_it_refuses_in_its_own_words_what_is_over_its_limit() -> None:
    service = Declared(MAIL)

    answers = [asked(service)[:2] for _ in range(5)]

    assert [status for status, _ in answers] == [201, 201, 201, 429, 429]
    assert answers[-1][1] == {"name": "too_many"}
    assert service.refusal("rate-limited").headers["retry-after"] == "7"


def test_its_errors_are_the_faults_that_are_tried_and_a_gateway_before_it_can_fail() -> None:
    declined = Answer(402, body={"name": "declined"})
    plain = Declared(replace(MAIL, errors={"card-declined": declined}))
    gateway = Declared(replace(MAIL, errors={"bad-gateway": Answer(502, body="down")}))

    assert plain.refusals == ["unauthorized", "rate-limited", "unknown-error", "bad-gateway", "card-declined"]
    assert plain.refuse("card-declined").status == 402
    assert b"<h1>502 Bad Gateway</h1>" in plain.refuse("bad-gateway").body
    assert gateway.refuse("bad-gateway").body == b"down"


def test_what_a_scenario_has_refused_is_refused_as_often_as_it_says() -> None:
    given = ServicesGiven.model_validate(
        {
            "services": {
                "openphone": {"refuses": [{"error": "unauthorized"}]},
                "mail": {"refuses": [{"error": "not-found", "to": "ada@example.com", "times": 1}]},
            },
        }
    )
    services = Services(frozenset(), declared=[MAIL])
    services.reset(given)
    service = api_of(services, "mail", Declared)

    other = asked(service, {**EMAIL, "to": [{"email": "ben@example.com"}]})[0]
    statuses = [asked(service)[0] for _ in range(2)]

    assert (other, statuses, services.met_refusals) == (201, [404, 201], frozenset({1}))
    services.reset(given)
    services.recover()
    assert asked(api_of(services, "mail", Declared))[0] == 201


def test_a_form_is_read_as_well() -> None:
    route = Route("POST", "/send", Answer(200), {"to": "To", "text": "Body"})
    service, logged = Declared(Declaration("sms", [], [route])), list[Attempt]()
    headers = {"content-type": "application/x-www-form-urlencoded"}

    response = service.handle(Request("POST", "/send", {}, headers, b"To=%2B12125550132&Body=Hi+Ada"), logged.append)

    assert (response.status, response.body, logged[0].to, logged[0].content) == (200, b"", "+12125550132", "Hi Ada")


def test_an_expression_that_is_none_is_told() -> None:
    compile_expression("to[0].email")
    with pytest.raises(ValueError, match=r"'to\[' is no JMESPath: "):
        compile_expression("to[")


def test_its_host_is_led_to_it_in_this_process() -> None:
    services = Services(frozenset(), declared=[MAIL])

    async def main() -> int:
        with respx.mock(assert_all_called=False) as router:
            in_process.install(router, services)
            in_process.caller.set("B")
            async with httpx.AsyncClient() as client:
                return (await client.post("https://api.mail.example/accounts/7/emails", json=EMAIL)).status_code

    assert asyncio.run(main()) == 201
    assert [(message.service, message.instance, message.to) for message in services.messages] == [
        ("mail", "B", "ada@example.com")
    ]


def test_a_request_that_is_no_route_proves_nothing() -> None:
    unknown = Declared(MAIL).find_unknown(Request("POST", "/v2/emails"))

    assert unknown == (
        "mail was asked POST /v2/emails, and has only POST /accounts/{account}/emails, GET /accounts/{account}/emails: "
        'declare it, `[[services.mail.routes]]` with `request = "POST /v2/emails"`'
    )
    assert Declared(MAIL).find_unknown(Request("GET", "/accounts/7/emails")) is None
