"""Services as a configuration declares them."""

import asyncio
import json
import pickle
from dataclasses import replace
from datetime import timedelta
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


def test_a_key_is_known_for_as_long_as_the_service_says() -> None:
    service = Declared(replace(MAIL, key_hours=24))

    asked(service, key="k1")
    service.shift_time(timedelta(hours=23))
    soon = asked(service, key="k1")[2]
    service.shift_time(timedelta(hours=1))
    late = asked(service, key="k1")[2]

    assert (len(soon), len(late)) == (0, 1)


def test_a_key_that_was_used_for_another_message_is_refused() -> None:
    service = Declared(MAIL)

    asked(service, key="every day")
    status, _, (message,) = asked(service, {**EMAIL, "subject": "Another"}, key="every day")

    assert (status, message.accepted) == (409, False)


@pytest.mark.parametrize("key", ["null", "false", '""'])
def test_what_is_nothing_is_no_key(key: str) -> None:
    assert SEND.message is not None
    route = replace(SEND, message={**SEND.message, "key": f"`{key}`"})
    service = Declared(replace(MAIL, routes=[route]))

    assert [len(asked(service)[2]) for _ in range(2)] == [1, 1]


def test_values_that_are_no_texts_are_shown_as_json() -> None:
    _, _, (message,) = asked(Declared(MAIL), {**EMAIL, "subject": True, "html": {"a": [1.5, None]}})

    assert (message.fields["subject"], message.content) == ("true", '{"a": [1.5, null]}')


def test_a_message_may_be_sent_by_get() -> None:
    by_get = Route("GET", "/send", Answer(200), {"to": "query.to"})
    service = Declared(replace(MAIL, routes=[by_get, LIST]))

    assert service.sends(Request("GET", "/send"))
    assert not service.sends(Request("GET", "/accounts/7/emails"))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="address"\r\n\r\n\xc3\xa4da@example.com\r\n--b--\r\n',
        ),
        ("application/json", '{"address": "\u00e4da@example.com"}'.encode()),
        ("application/x-www-form-urlencoded", b"address=%C3%A4da%40example.com"),
    ],
)
def test_the_body_may_be_json_or_a_form(content_type: str, body: bytes) -> None:
    route = Route("POST", "/send", Answer(200, {"x-to": "{to}"}), {"to": "address"})
    logged: list[Attempt] = []
    request = Request("POST", "/send", {}, {"content-type": content_type}, body)

    response = Declared(replace(MAIL, routes=[route])).handle(request, logged.append)

    assert [message.to for message in logged] == ["\u00e4da@example.com"]
    assert response.headers["x-to"] == "\u00e4da@example.com"


def test_a_header_has_only_what_one_can_hold() -> None:
    assert Answer(200, {"x-to": "{to}"}).response({"to": "a\nb \u2192"}).headers["x-to"] == "a b ?"


def test_a_body_that_is_no_object_is_the_body() -> None:
    route = Route("POST", "/send", Answer(200), {"to": "headers.to", "text": "body"})
    logged: list[Attempt] = []
    request = Request("POST", "/send", {}, {"content-type": "text/plain", "to": "ada"}, b"Hi Ada")

    Declared(replace(MAIL, routes=[route])).handle(request, logged.append)

    assert [message.content for message in logged] == ["Hi Ada"]


def test_a_text_that_is_not_found_proves_nothing() -> None:
    route = Route("POST", "/send", Answer(200), {"to": "to", "text": "content.txt"})
    service = Declared(Declaration("sms", [], [route]))

    def unknown(content: object) -> str | None:
        body = json.dumps({"to": "ada", "content": content}).encode()
        return service.find_unknown(Request("POST", "/send", {}, {"content-type": "application/json"}, body))

    said = 'sms was asked POST /send, where `text = "content.txt"` finds nothing: is `message` of this route right?'
    assert unknown({"text": "Hi"}) == said
    assert unknown({"txt": ""}) is unknown({"txt": "Hi"}) is None


def test_a_recipient_that_is_not_found_proves_nothing() -> None:
    content = json.dumps({"too": "ada@example.com"}).encode()
    request = Request("POST", "/accounts/7/emails", {}, {"content-type": "application/json"}, content)

    unknown = str(Declared(MAIL).find_unknown(request))

    assert unknown.startswith('mail was asked POST /accounts/7/emails, where `to = "to[*].email"` finds no recipient')


def test_a_declaration_can_be_sent_to_a_worker() -> None:
    assert pickle.loads(pickle.dumps(MAIL)) == MAIL  # noqa: S301  (our own)


def test_its_limit_has_expired_after_its_own_window() -> None:
    assert Declared(MAIL).window == timedelta(minutes=1)
    assert Declared(replace(MAIL, seconds=86_400.0)).window == timedelta(days=1)


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
    compile_expression("merge(to[0], @, {a: join(', ', b[1:2])})")
    for expression, reason in (
        ("to[", "Invalid jmespath expression"),
        ("a && foo(to)", r"there is no function foo\(\)"),
        ("length()", r"length\(\) takes 1 argument, not 0"),
        ("{a: to[::0]}", "the step of a slice cannot be 0"),
    ):
        with pytest.raises(ValueError, match=f"is no JMESPath: {reason}"):
            compile_expression(expression)


def test_headers_are_asked_for_in_lower_case() -> None:
    compile_expression('headers."idempotency-key" || data.headers.Key')
    for of_the_body in (
        "messages[*].headers.To",
        "messages[].{to: headers.To}",
        "items[?headers.Key].to",
        "data | headers.Key",
    ):
        compile_expression(of_the_body)
    with pytest.raises(ValueError, match='names of headers are in lower case, headers."idempotency-key"'):
        compile_expression('not_null(key, headers."Idempotency-Key")')


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
