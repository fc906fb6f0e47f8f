"""GoHighLevel's conversations API, as far as the crons use it."""

import json
from typing import Any

import pytest

from cronproof.domain.message import Attempt
from cronproof.services.bundled.ghl import GoHighLevel
from cronproof.services.exchange import CallClock, Request, Response

HEADERS = {"authorization": "Bearer token", "version": "2021-04-15"}
SMS = {"type": "SMS", "contactId": "contact-1", "message": "Hi Eli"}


def send(body: Any, headers: dict[str, str] = HEADERS) -> tuple[Response, list[Attempt]]:
    logged: list[Attempt] = []
    request = Request("POST", "/conversations/messages", headers=headers, body=json.dumps(body).encode())
    return GoHighLevel().handle(request, logged.append), logged


def test_accepts_an_sms() -> None:
    response, logged = send(SMS)

    assert response.status == 200
    assert json.loads(response.body).keys() == {"conversationId", "messageId", "status"}
    assert [(tried.to, tried.content, tried.accepted) for tried in logged] == [("contact-1", "Hi Eli", True)]


@pytest.mark.parametrize("change", [{"type": "Fax"}, {"contactId": ""}, {"message": None}])
def test_refuses_what_it_cannot_process(change: dict[str, Any]) -> None:
    response, logged = send(SMS | change)

    assert response.status == 422
    assert len(json.loads(response.body)["message"]) == 1
    assert [tried.accepted for tried in logged] == [False]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "token"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "Bearer t"}, 422),
    ],
)
def test_wants_a_bearer_token_and_its_version(headers: dict[str, str], status: int) -> None:
    response, logged = send(SMS, headers)

    assert (response.status, logged) == (status, [])


def test_answers_html_where_there_is_no_route() -> None:
    response = GoHighLevel().handle(Request("GET", "/contacts", headers=HEADERS), print)

    assert response.status == 404
    assert b"Cannot GET /contacts" in response.body


def test_more_than_a_hundred_requests_in_ten_seconds_are_refused_and_each_response_tells_what_is_left() -> None:
    ghl, logged = GoHighLevel(clock=CallClock(seconds_per_call=0.05)), list[Attempt]()
    request = Request("POST", "/conversations/messages", headers=HEADERS, body=json.dumps(SMS).encode())
    responses = [ghl.handle(request, logged.append) for _ in range(101)]

    assert [response.status for response in responses] == [200] * 100 + [429]
    assert [response.headers["x-ratelimit-remaining"] for response in responses[:2]] == ["99", "98"]
    assert responses[-1].headers["x-ratelimit-max"] == "100"
    assert responses[-1].headers["x-ratelimit-daily-remaining"] == "199899"
    assert [tried.accepted for tried in logged] == [True] * 100 + [False]
