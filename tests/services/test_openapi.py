"""Services as an OpenAPI document describes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from cronproof.domain.message import Attempt
from cronproof.services.declared import Declared
from cronproof.services.exchange import Request, Response
from cronproof.services.openapi import read_openapi
from cronproof.services.service_config import ServiceConfig

DOCUMENT = """
openapi: 3.1.0
info: {title: Mails of a shop, version: "1"}
servers: [{url: "https://api.shop.example/v1"}, {url: "https://eu.shop.example/v1"}, {url: "https://{zone}.shop.example"}]
security: [{key: []}]
paths:
  /orders/{order}/mails:
    parameters: [{name: order, in: path, required: true, schema: {type: integer}}]
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Mail"}}}}
      responses:
        "202": {description: taken, content: {application/json: {example: {id: m-1, state: queued}}}}
        "429": {description: wait, content: {application/json: {example: {error: slow down}}}}
  /orders:
    get:
      parameters: [{name: limit, in: query, schema: {type: integer, maximum: 10}}]
      responses:
        "200": {description: all, content: {application/json: {schema: {$ref: "#/components/schemas/Orders"}}}}
    delete: {responses: {"204": {description: gone}}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: x-key}}
  schemas:
    Mail: {type: object, required: [email, body], properties: {email: {type: string}, body: {type: string, minLength: 1}}}
    Orders:
      type: object
      properties:
        total: {type: integer, minimum: 0}
        next: {type: [string, "null"]}
        paid: {type: boolean}
        data: {type: array, items: {allOf: [{$ref: "#/components/schemas/Order"}, {properties: {sku: {default: lamp}}}]}}
    Order:
      type: object
      properties: {id: {type: integer, examples: [7]}, state: {enum: [open, paid]}, parent: {oneOf: [{$ref: "#/components/schemas/Order"}]}}
"""
HEADERS = {"content-type": "application/json", "x-key": "secret"}
MAIL = {"to": "email", "text": "body", "order": "path.order"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "shop.yaml"
    made.write_text(DOCUMENT)
    return made


@pytest.fixture
def service(file: Path) -> Declared:
    """The service, of which the configuration says what in a request is the message."""
    routes = [{"request": "POST /v1/orders/{number}/mails", "message": MAIL | {"order": "path.number"}}]
    return Declared(ServiceConfig.model_validate({"openapi": file, "routes": routes}).declaration("shop"))


def ask(
    service: Declared,
    path: str,
    body: Any = None,
    *,
    method: str = "POST",
    query: dict[str, list[str]] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[Response, list[Attempt]]:
    logged: list[Attempt] = []
    content = b"" if body is None else json.dumps(body).encode()
    request = Request(method, path, query or {}, HEADERS if headers is None else headers, content)
    return service.handle(request, logged.append), logged


def test_it_is_where_the_document_says(service: Declared) -> None:
    assert service.declaration.hosts == ["api.shop.example", "eu.shop.example"]


def test_an_accepted_message_gets_the_example_of_the_document(service: Declared) -> None:
    response, (message,) = ask(service, "/v1/orders/7/mails", {"email": "ada@example.com", "body": "Hi"})

    assert (response.status, json.loads(response.body)) == (202, {"id": "m-1", "state": "queued"})
    assert (message.to, message.content, message.more["order"], message.accepted) == (
        "ada@example.com",
        "Hi",
        "7",
        True,
    )


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "reason"),
    [
        ("/v1/orders/7/mails", {"email": "ada@example.com", "body": ""}, HEADERS, 400, "'' should be non-empty"),
        ("/v1/orders/7/mails", {"body": "Hi"}, HEADERS, 400, "'email' is a required property"),
        (
            "/v1/orders/seven/mails",
            {"email": "ada@example.com", "body": "Hi"},
            HEADERS,
            400,
            "Path parameter error: order",
        ),
        ("/v1/orders/7/mails", None, HEADERS, 400, "Missing required request body"),
        ("/v1/orders/7/mails", {"email": "a", "body": "Hi"}, {"content-type": "application/json"}, 401, "Security"),
    ],
)
def test_what_the_document_does_not_allow_is_refused(
    path: str, body: Any, headers: dict[str, str], status: int, reason: str, service: Declared
) -> None:
    response, (message,) = ask(service, path, body, headers=headers)

    assert (response.status, message.accepted) == (status, False)
    assert reason in json.loads(response.body)["message"]


def test_an_answer_without_an_example_is_made_of_its_schema(service: Declared) -> None:
    response, _ = ask(service, "/v1/orders", method="GET", query={"limit": ["10"]})
    content = json.loads(response.body)

    assert {key: content[key] for key in ("total", "next", "paid")} == {"total": 0, "next": "text", "paid": True}
    assert [(one["id"], one["state"], one["sku"]) for one in content["data"]] == [(7, "open", "lamp")]
    assert ask(service, "/v1/orders", method="GET", query={"limit": ["11"]})[0].status == 400
    assert ask(service, "/v1/orders", method="DELETE")[0] == Response(204, b"")


def test_its_errors_are_those_of_the_document(service: Declared) -> None:
    response = service.refusal("rate-limited")

    assert (response.status, json.loads(response.body)) == (429, {"error": "slow down"})
    assert service.refusals == ["unauthorized", "rate-limited", "unknown-error", "bad-gateway"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("openapi: 3.1.0\npaths: 5\n", "5 is not of type 'object'"),
        ("hello", "spec not detected"),
        ("a: [b", "while parsing a flow sequence"),
        (DOCUMENT.replace('#/components/schemas/Order"', 'https://shop.example/order.json"'), "is not on this machine"),
        (DOCUMENT.replace("schemas/Mail", "schemas/Mial"), "#/components/schemas/Mial leads nowhere"),
    ],
)
def test_a_document_that_is_not_valid_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)

    with pytest.raises(ValueError, match=r"^bad.yaml is no valid OpenAPI document: .+$") as invalid:
        read_openapi(file)
    assert message in str(invalid.value)
    assert "\n" not in str(invalid.value)


def test_a_route_that_the_document_has_not_is_a_mistake(file: Path) -> None:
    config = ServiceConfig.model_validate({"openapi": file, "routes": [{"request": "POST /v1/order/{id}/mails"}]})

    assert list(config.find_mistakes()) == [
        (
            ["routes", "0", "request"],
            "POST /v1/order/{id}/mails is no operation of it; did you mean 'POST /v1/orders/{order}/mails'?",
        )
    ]
