"""A service as a configuration, or a file of the package, describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from cronproof.errors import find_near, nearest
from cronproof.gate.fault import FAULT_NAMES, NAME, SEVERAL_FAULTS
from cronproof.services.declared import MADE_UP, Answer, Declaration, Route, compile_expression, find_braces
from cronproof.services.errors import FIRST_ERROR, USUAL
from cronproof.strict_model import ConfigTable

if TYPE_CHECKING:
    from cronproof.services.openapi import Document


_MISSPELT = 0.8
"""How similar a word is to the one that is meant: `hexx` is, and `next` is not `text`."""
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_SET_BY_SERVER = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})


def _check_headers(value: dict[str, str]) -> dict[str, str]:
    """Checks that a response can have these headers, and returns them with names in lower case."""
    for name, text in value.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ValueError(f"{name!r} is no name of a header")
        if name.lower() in _SET_BY_SERVER:
            raise ValueError(f"{name} is said by the stand-in itself; leave it out")
        if not text.isprintable() or not text.encode("latin-1", "ignore").decode("latin-1") == text:
            raise ValueError(f"{name}: a header has one line of Latin-1, not {text!r}")
    return {name.lower(): text for name, text in value.items()}


def _check_host(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host):
        raise ValueError(f"{host!r} is no host; write its name alone, api.example.com")
    return host


def _check_accepts(status: int) -> int:
    if status >= FIRST_ERROR:
        raise ValueError(f"what answers {status} accepts nothing; how a service refuses stands under `errors`")
    return status


def _check_body(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a body is JSON or a text: {error}") from None
    return value


Headers = Annotated[dict[str, str], AfterValidator(_check_headers)]
Body = Annotated[Any, AfterValidator(_check_body)]


class AnswerConfig(ConfigTable):
    """What a service answers to what it accepts. In texts of the body `{uuid}`, `{number}` and fields of the message are
    filled in.
    """

    status: Annotated[int, Field(ge=200, le=599, strict=True), AfterValidator(_check_accepts)] = 200
    headers: Headers = {}
    body: Body = None

    def answer(self) -> Answer:
        """Returns the answer as data."""
        return Answer(self.status, self.headers, self.body)


class ErrorConfig(ConfigTable):
    """How a service refuses a request."""

    status: Annotated[int | None, Field(ge=200, le=599, strict=True)] = None
    """By default the usual one, if the error has a usual name."""
    headers: Headers = {}
    body: Body = None

    def answer(self, name: str) -> Answer:
        """Returns the answer as data, given the error's name."""
        status = USUAL[name].status if self.status is None else self.status
        return Answer(status, self.headers, self.body)


class RouteConfig(ConfigTable):
    """A request that a service knows."""

    request: str
    """The method and the path, whose parts may have names: `POST /accounts/{account}/messages`."""
    message: dict[str, str] | None = None
    """What in the request is the message, as JMESPath: `to`, `text`, further fields, and `key`."""
    answer: AnswerConfig | None = None
    """By default that of the OpenAPI document, or 200 with an id."""

    @field_validator("request", mode="after")
    @classmethod
    def _request(cls, value: str) -> str:
        if not re.fullmatch(rf"({'|'.join(_METHODS)}) /[^\s{{}}]*(\{{[^\s{{}}]*\}}[^\s{{}}]*)*", value):
            raise ValueError(f"{value!r} is no request; write the method and the path, `POST /v1/messages/{{id}}`")
        names = re.findall(r"\{([^}]*)\}", value)
        if wrong := next((name for name in names if not re.fullmatch(r"\w+", name, re.ASCII)), None):
            raise ValueError(f"{{{wrong}}} is no name of a part: it has letters, digits and _ alone")
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{{{repeated}}} is there twice")
        if numbered := next((name for name in names if name[0].isdigit()), None):
            raise ValueError(f"{{{numbered}}} is no name; it begins with a digit")
        return value

    @field_validator("message", mode="after")
    @classmethod
    def _expressions(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for expression in (value or {}).values():
            compile_expression(expression)
        if value is not None and "to" not in value:
            raise ValueError("a message has a recipient; say what it is: `to`")
        return value

    @field_validator("answer", mode="after")
    @classmethod
    def _placeholders(cls, value: AnswerConfig | None, info: ValidationInfo) -> AnswerConfig | None:
        """Tells what looks like a misspelt placeholder. Any other text may stand in braces."""
        known = [*MADE_UP, *((info.data.get("message") or {}).keys() - {"key"})]
        for name in find_braces([] if value is None else [value.body, dict(value.headers)]):
            if name not in known and (near := find_near(name, known, cutoff=_MISSPELT)):
                raise ValueError(f"nothing is filled in for {{{name}}}; did you mean {{{near}}}?")
        return value

    def route(self) -> Route:
        """Returns the route as data."""
        method, _, path = self.request.partition(" ")
        usual = AnswerConfig(body={} if self.message is None else {"id": "{uuid}"})
        return Route(method, path, (self.answer or usual).answer(), self.message)


class LimitConfig(ConfigTable):
    """How many requests a service takes."""

    requests: Annotated[int, Field(ge=1, strict=True)]
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class ServiceConfig(ConfigTable):
    """An HTTP API outside: where it is, and what it answers."""

    hosts: list[Annotated[str, AfterValidator(_check_host)]] = []
    """Where it really is. Calls of these hosts are led to the stand-in."""
    openapi: Path | None = None
    """A document that says where it is, what it answers, and which requests are valid; relative to the file."""
    routes: list[RouteConfig] = []
    errors: dict[str, ErrorConfig] = {}
    """How it refuses: its errors, by names of your choice. Each is a fault that is tried."""
    limit: LimitConfig | None = None
    key_hours: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """How many hours it knows the `key` of a message; by default for ever."""

    @field_validator("openapi", mode="after")
    @classmethod
    def _path(cls, value: Path | None) -> Path | None:
        if "\0" in str(value):
            raise ValueError("a path contains no NUL")
        return value

    def declaration(self, name: str) -> Declaration:
        """Returns the service as data."""
        limit = LimitConfig(requests=1) if self.limit is None else self.limit
        said = Declaration(
            name,
            [host.lower() for host in self.hosts],
            [route.route() for route in self.routes],
            {error: answer.answer(error) for error, answer in self.errors.items()},
            requests=None if self.limit is None else limit.requests,
            seconds=limit.seconds,
            key_hours=self.key_hours,
        )
        document = self._read_openapi()
        if document is None:
            return said
        described = {(route.method, _nameless(route.path)): route for route in document.routes}
        routes = [
            replace(route, answer=described[route.method, _nameless(route.path)].answer)
            if given.answer is None
            else route
            for given, route in zip(self.routes, said.routes, strict=True)
        ]
        return replace(
            said,
            hosts=said.hosts or document.hosts,
            routes=[*routes, *document.routes],
            errors={**document.errors, **said.errors},
            find_invalid=document.find_invalid,
        )

    def find_mistakes(self) -> Iterator[tuple[Sequence[str], str]]:
        """Yields what is wrong with its errors or its OpenAPI document: the keys that lead there, and what it is."""
        for error, answer in self.errors.items():
            if NAME.fullmatch(error) is None:
                yield ["errors", error], f"{error!r} is no name of an error; write for example `card-declined`"
            elif error in {*FAULT_NAMES, *SEVERAL_FAULTS}:
                yield ["errors", error], f"{error} is the name of another fault; choose another one"
            elif answer.status is None and error not in USUAL:
                yield ["errors", error], f"{error} has no usual status; say which: `status = 402`"
        requests = [_nameless(route.request) for route in self.routes]
        for number, request in enumerate(requests):
            if request in requests[:number]:
                yield ["routes", str(number), "request"], f"{self.routes[number].request} is there twice"
        try:
            document = self._read_openapi()
        except ValueError as error:
            yield ["openapi"], str(error)
            return
        known = [] if document is None else [f"{route.method} {route.path}" for route in document.routes]
        for number, route in enumerate(self.routes if document is not None else ()):
            if _nameless(route.request) not in map(_nameless, known):
                yield (
                    ["routes", str(number), "request"],
                    f"{route.request} is no operation of it{nearest(route.request, known)}",
                )

    def _read_openapi(self) -> Document | None:
        """Reads the document, if there is one.

        Raises:
            ValueError: it cannot be read, or is not valid.
        """
        if self.openapi is None:
            return None
        try:
            from cronproof.services.openapi import read_openapi  # noqa: PLC0415  (an extra, and slow to import)
        except ImportError:
            raise ValueError("OpenAPI documents need `pip install cronproof[openapi]`") from None
        return read_openapi(self.openapi)


def _nameless(path: str) -> str:
    """Returns a path without the names of its parts."""
    return re.sub(r"\{\w+\}", "{}", path)
