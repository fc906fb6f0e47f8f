"""Telegram's sendMessage, as far as the crons use it."""

import json
from typing import Any

import pytest

from cronproof.domain.message import Attempt
from cronproof.services.bundled.telegram import Telegram
from cronproof.services.exchange import CallClock, Request, Response

PATH = "/bot100000001:token/sendMessage"


def send(body: dict[str, Any], path: str = PATH) -> tuple[Response, list[Attempt]]:
    logged: list[Attempt] = []
    request = Request("POST", path, headers={"content-type": "application/json"}, body=json.dumps(body).encode())
    return Telegram().handle(request, logged.append), logged


def test_accepts_a_message() -> None:
    response, logged = send({"chat_id": "700700", "text": "Hi"})

    result = json.loads(response.body)
    assert response.status == 200
    assert (result["ok"], result["result"]["chat"]["id"], result["result"]["text"]) == (True, 700700, "Hi")
    assert [(tried.to, tried.content, tried.accepted) for tried in logged] == [("700700", "Hi", True)]


def test_takes_a_form_as_well() -> None:
    logged: list[Attempt] = []
    request = Request("POST", PATH, body=b"chat_id=700700&text=Hi+Dee")

    assert Telegram().handle(request, logged.append).status == 200
    assert logged[0].content == "Hi Dee"


@pytest.mark.parametrize(
    ("body", "description"),
    [
        ({"text": "Hi"}, "chat_id is empty"),
        ({"chat_id": "nobody", "text": "Hi"}, "chat not found"),
        ({"chat_id": 1}, "message text is empty"),
        ({"chat_id": 1, "text": "x" * 4097}, "message is too long"),
    ],
)
def test_refuses_what_cannot_be_sent(body: dict[str, Any], description: str) -> None:
    response, logged = send(body)

    assert json.loads(response.body) == {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}
    assert [tried.accepted for tried in logged] == [False]


@pytest.mark.parametrize(("path", "status"), [("/botX/sendMessage", 401), ("/bot1:a/getMe", 404), ("/", 404)])
def test_wants_a_bot_and_a_method(path: str, status: int) -> None:
    response, logged = send({"chat_id": 1, "text": "Hi"}, path)

    assert (response.status, json.loads(response.body)["error_code"], logged) == (status, status, [])


def test_a_chat_that_gets_more_than_one_a_second_is_refused_after_a_burst_and_the_others_are_not() -> None:
    telegram, logged = Telegram(clock=CallClock(seconds_per_call=0.5)), list[Attempt]()

    def to(chat_id: str) -> Response:
        body = json.dumps({"chat_id": chat_id, "text": "Hi"}).encode()
        return telegram.handle(Request("POST", PATH, {}, {"content-type": "application/json"}, body), logged.append)

    statuses = [to("700700").status for _ in range(12)]
    refused, other = to("700700"), to("700701")

    assert statuses == [200] * 10 + [429] * 2
    assert json.loads(refused.body)["parameters"] == {"retry_after": 4}  # the first was sent 6 s ago
    assert other.status == 200
    assert [tried.accepted for tried in logged] == [True] * 10 + [False] * 3 + [True]


def test_a_bot_that_sends_more_than_thirty_a_second_is_refused() -> None:
    telegram = Telegram(clock=CallClock(seconds_per_call=0.01))
    responses = [
        telegram.handle(Request("POST", PATH, body=f"chat_id={number}&text=Hi".encode()), list[Attempt]().append)
        for number in range(1, 32)
    ]

    assert [response.status for response in responses] == [200] * 30 + [429]
    assert json.loads(responses[-1].body)["parameters"] == {"retry_after": 1}
