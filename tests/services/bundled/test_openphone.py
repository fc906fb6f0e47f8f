"""The OpenPhone API, rule by rule, over both transports: in-process respx and HTTP."""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from cronproof.services import in_process
from cronproof.services.bundled.openphone import OpenPhone
from cronproof.services.bundled.openphone_errors import ERRORS, Envelope
from cronproof.services.exchange import CallClock, Request
from cronproof.services.given import ServicesGiven
from cronproof.services.services import Services
from cronproof.standins.authority import Authority
from cronproof.standins.endpoints import InstanceEndpoints
from tests.support.rest import NO_DATABASE
from tests.support.services import HOSTS, openphone_of

KEY = "key-of-northside"
FROM = "PN0000000001"
TO = "+12125550132"
SEND: dict[str, Any] = {"content": "Hi Ada!", "from": FROM, "to": [TO]}

Call = Callable[..., httpx.Response]


@pytest.fixture(scope="module", params=["in process", "over HTTP"])
def transport(request: pytest.FixtureRequest) -> Iterator[tuple[Services, Call]]:
    services = Services(frozenset({KEY}))
    opened = _in_process(services) if request.param == "in process" else _over_http(services)
    with asyncio.Runner() as runner:
        client = runner.run(opened.__aenter__())

        def call(
            method: str, path: str, *, headers: Mapping[str, str] | None = None, **arguments: Any
        ) -> httpx.Response:
            headers = {"Authorization": KEY} if headers is None else headers
            return runner.run(client.request(method, path, headers=headers, **arguments))

        yield services, call
        runner.run(opened.__aexit__(None, None, None))


@pytest.fixture
def services(transport: tuple[Services, Call]) -> Services:
    services, _ = transport
    services.reset()
    return services


@pytest.fixture
def call(transport: tuple[Services, Call], services: Services) -> Call:
    """Calls the API as instance A, with the key: `call("POST", "/v1/messages", json=…)`."""
    return transport[1]


@contextlib.asynccontextmanager
async def _in_process(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    with respx.mock(assert_all_called=False) as router:
        in_process.install(router, services)
        async with httpx.AsyncClient(base_url=in_process.address("A", "openphone")) as client:
            yield client


@contextlib.asynccontextmanager
async def _over_http(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    with tempfile.TemporaryDirectory() as folder:
        door = InstanceEndpoints("A", services, Authority.made(Path(folder), HOSTS), NO_DATABASE)
        async with door.open(), httpx.AsyncClient(base_url=door.url("openphone")) as client:
            yield client


def test_accepts_with_202_and_the_documented_body(call: Call, services: Services) -> None:
    response = call("POST", "/v1/messages", json=SEND)

    assert response.status_code == 202
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    data = response.json()["data"]
    assert data.keys() == {
        "id", "to", "from", "text", "phoneNumberId", "conversationId", "direction", "userId", "status", "createdAt",
        "updatedAt",
    }  # fmt: skip
    assert re.match(r"^AC", data["id"])
    assert re.match(r"^CN", data["conversationId"])
    assert (data["to"], data["text"], data["direction"], data["status"]) == ([TO], "Hi Ada!", "outgoing", "queued")
    assert (data["from"], data["phoneNumberId"]) == ("+12125550100", FROM)
    assert [(m.instance, m.to, m.accepted, m.message_id) for m in services.messages] == [("A", TO, True, data["id"])]


def test_the_same_request_twice_is_two_messages(call: Call, services: Services) -> None:
    ids = {call("POST", "/v1/messages", json=SEND).json()["data"]["id"] for _ in range(2)}

    assert len(ids) == len(services.messages) == 2


def test_a_number_may_stand_for_the_sender(call: Call) -> None:
    data = call("POST", "/v1/messages", json=SEND | {"from": "+12125550102"}).json()["data"]

    assert (data["from"], data["phoneNumberId"]) == ("+12125550102", None)


def test_several_recipients_are_one_group_message(call: Call, services: Services) -> None:
    response = call("POST", "/v1/messages", json=SEND | {"to": [TO, "+12125550133"]})

    assert response.status_code == 202
    assert len(services.messages) == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"content": None}, "/content"),
        ({"content": ""}, "/content"),
        ({"content": " \n\t"}, "/content"),
        ({"content": "x" * 1601}, "/content"),
        ({"content": 7}, "/content"),
        ({"from": None}, "/from"),
        ({"from": "12125550100"}, "/from"),
        ({"from": "+0125550100"}, "/from"),
        ({"to": None}, "/to"),
        ({"to": TO}, "/to"),
        ({"to": []}, "/to"),
        ({"to": [TO] * 11}, "/to"),
        ({"to": [7]}, "/to/0"),
        ({"to": [TO, "2125550132"]}, "/to/1"),
        ({"to": ["+1234567890123456"]}, "/to/0"),
        ({"to": ["+10000000000"]}, "/to/0"),
        ({"phoneNumberId": "0001"}, "/phoneNumberId"),
        ({"userId": "0001"}, "/userId"),
        ({"setInboxStatus": "open"}, "/setInboxStatus"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refuses_what_the_schema_forbids(change: dict[str, Any], path: str, call: Call, services: Services) -> None:
    body = {name: value for name, value in (SEND | change).items() if value is not None}

    response = call("POST", "/v1/messages", json=body)

    assert response.status_code == 400
    error = response.json()
    assert (error["status"], error["code"]) == (400, "0200400")
    assert [mistake["path"] for mistake in error["errors"]] == [path]
    assert [(message.accepted, message.status) for message in services.messages] == [(False, 400)]


@pytest.mark.parametrize(
    "change",
    [
        {"content": "x" * 1600},
        {"to": ["+442071838750"]},
        {"to": [TO] * 10},
        {"userId": "US1"},
        {"phoneNumberId": "PN1"},
        {"setInboxStatus": "done"},
        {"unknown": "fields are not declared invalid"},
    ],
    ids=lambda change: str(change)[:40],
)
def test_accepts_what_the_schema_allows(change: dict[str, Any], call: Call) -> None:
    assert call("POST", "/v1/messages", json=SEND | change).status_code == 202


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_refuses_a_body_that_is_no_object(content: bytes, call: Call) -> None:
    response = call("POST", "/v1/messages", content=content)

    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == ""


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Missing authorization header"),
        ({"Authorization": "another"}, "Unauthorized"),
        ({"Authorization": f"Bearer {KEY}"}, "Unauthorized"),
    ],
)
def test_wants_the_raw_key(headers: dict[str, str], message: str, call: Call, services: Services) -> None:
    response = call("POST", "/v1/messages", json=SEND, headers=headers)

    assert response.status_code == 401
    assert response.json()["error"]["message"] == message
    assert response.json()["error"]["key"] == "Unauthorized"
    assert services.messages == []


def refusing(envelope: Envelope = "flat", **refusal: object) -> ServicesGiven:
    return ServicesGiven.model_validate(
        {"services": {"openphone": {"refuses": [refusal], "options": {"envelope": envelope}}}}
    )


@pytest.mark.parametrize("name", [*ERRORS, "bad-gateway"])
@pytest.mark.parametrize("envelope", get_args(Envelope))
def test_answers_every_documented_error_in_both_envelopes(
    name: str, envelope: Envelope, call: Call, services: Services
) -> None:
    services.reset(refusing(error=name, envelope=envelope))

    response = call("POST", "/v1/messages", json=SEND)

    assert not services.messages[0].accepted
    if name == "bad-gateway":
        assert (response.status_code, response.headers["content-type"]) == (502, "text/html; charset=utf-8")
        return
    error, body = ERRORS[name], response.json()
    assert response.status_code == error.status
    if envelope == "wrapped":
        assert body == {"error": {"message": error.message, "key": error.title, "trace": body["error"]["trace"]}}
    else:
        assert (body["code"], body["status"], body["title"]) == (error.code, error.status, error.title)
        assert body["message"] == error.message
        assert re.fullmatch(rf"0\d{{3}}{error.status}", body["code"])


def test_a_scripted_error_can_be_for_one_number_and_for_once(call: Call, services: Services) -> None:
    services.reset(refusing(error="unknown-error", to=TO, times=1))

    other = call("POST", "/v1/messages", json=SEND | {"to": ["+12125550133"]})
    statuses = [call("POST", "/v1/messages", json=SEND).status_code for _ in range(2)]

    assert [other.status_code, *statuses] == [202, 500, 202]


def test_invalid_messages_do_not_use_up_a_scripted_error(call: Call, services: Services) -> None:
    services.reset(refusing(error="unknown-error", times=1))

    assert call("POST", "/v1/messages", json=SEND | {"content": ""}).status_code == 400
    assert call("POST", "/v1/messages", json=SEND).status_code == 500


def test_ten_requests_a_second_for_each_key(call: Call, services: Services) -> None:
    openphone_of(services).clock = CallClock(seconds_per_call=0.05)

    responses = [call("POST", "/v1/messages", json=SEND) for _ in range(12)]

    assert [response.status_code for response in responses] == [202] * 10 + [429] * 2
    assert responses[0].headers["ratelimit-policy"] == '"per-second"; q=10; w=1'
    assert [r.headers["ratelimit"] for r in responses[:2]] == ['"per-second"; r=9; t=1', '"per-second"; r=8; t=1']
    assert responses[-1].headers["ratelimit"] == '"per-second"; r=0; t=1'
    assert "retry-after" not in responses[-1].headers
    assert sum(one.accepted for one in services.messages) == 10
    other = call("POST", "/v1/messages", json=SEND, headers={"Authorization": "another"})
    assert (other.status_code, other.headers["ratelimit"]) == (401, '"per-second"; r=9; t=1')


def test_at_the_usual_speed_of_calls_the_limit_is_not_met(call: Call) -> None:
    assert {call("POST", "/v1/messages", json=SEND).status_code for _ in range(30)} == {202}


def test_lists_the_messages_of_a_conversation_newest_first(call: Call) -> None:
    for number in range(5):
        call("POST", "/v1/messages", json=SEND | {"content": f"message {number}"})
    call("POST", "/v1/messages", json=SEND | {"to": ["+12125550133"]})
    query = {"phoneNumberId": FROM, "participants": TO, "maxResults": 3}

    first = call("GET", "/v1/messages", params=query).json()
    second = call("GET", "/v1/messages", params=query | {"pageToken": first["nextPageToken"]}).json()

    assert [message["text"] for message in first["data"]] == ["message 4", "message 3", "message 2"]
    assert [message["text"] for message in second["data"]] == ["message 1", "message 0"]
    assert (first["totalItems"], second["nextPageToken"]) == (5, None)
    with_brackets = call("GET", "/v1/messages", params={"phoneNumberId": FROM, "participants[]": TO})
    assert len(with_brackets.json()["data"]) == 5


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"participants": TO}, "/phoneNumberId"),
        ({"phoneNumberId": "1", "participants": TO}, "/phoneNumberId"),
        ({"phoneNumberId": FROM}, "/participants"),
        ({"phoneNumberId": FROM, "participants": TO, "maxResults": "0"}, "/maxResults"),
        ({"phoneNumberId": FROM, "participants": TO, "maxResults": "101"}, "/maxResults"),
    ],
)
def test_refuses_a_list_without_what_it_requires(query: dict[str, str], path: str, call: Call) -> None:
    response = call("GET", "/v1/messages", params=query)

    assert response.status_code == 400
    assert [mistake["path"] for mistake in response.json()["errors"]] == [path]


def test_gives_one_message_by_its_id(call: Call) -> None:
    sent = call("POST", "/v1/messages", json=SEND).json()["data"]

    assert call("GET", f"/v1/messages/{sent['id']}").json() == {"data": sent}
    assert call("GET", "/v1/messages/AC0").status_code == 404
    assert call("GET", "/v1/messages/0").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nothing"), ("DELETE", "/v1/messages"), ("POST", "/messages")]
)
def test_answers_html_where_there_is_no_route(method: str, path: str, call: Call) -> None:
    response = call(method, path)

    assert response.status_code == 404
    assert f"Cannot {method} {path}" in response.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(body=st.fixed_dictionaries({}, optional=dict.fromkeys((*SEND, "phoneNumberId", "userId"), JSON)))
@settings(max_examples=200)
def test_any_json_is_either_accepted_or_refused_with_a_reason(body: dict[str, Any]) -> None:
    logged: list[Any] = []
    request = Request(
        "POST", "/v1/messages", {}, {"authorization": KEY}, httpx.Request("POST", "http://a", json=body).content
    )

    response = OpenPhone(api_keys=frozenset({KEY})).handle(request, logged.append)

    assert response.status in (202, 400)
    assert [tried.accepted for tried in logged] == [response.status == 202]
