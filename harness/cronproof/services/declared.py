"""A service as `cronproof.toml` declares it: what in a request is the message, and what the service answers.

What is said of a request is JMESPath (https://jmespath.org) over its parsed body, besides which there are
`headers`, `query`, `path` (the parts of the path that have names) and `body` (where it is no object).
"""

import functools
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from cronproof.domain.message import Attempt
from cronproof.services.api import Api
from cronproof.services.errors import OF_EVERY_SERVICE, USUAL
from cronproof.services.exchange import Log, RateLimit, Request, Response

_PART = re.compile(r"\{(\w+)\}")
_NAMESPACE = uuid.UUID("6f1c2f5e-6d0f-4d5f-9d44-9a1d6f0f2c11")
_RETRY_SECONDS = 1


@dataclass(frozen=True)
class Answer:
    """A response. In texts of its body and headers `{uuid}`, `{hex}`, `{number}` and fields of the message are filled in.
    A body that is a text is no JSON.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def response(self, values: Mapping[str, Any]) -> Response:
        """Builds the response, given what is filled in."""
        content, headers = _filled(self.body, values), {k: str(_filled(v, values)) for k, v in self.headers.items()}
        if content is None:
            return Response(self.status, b"", headers)
        if isinstance(content, str):
            return Response(self.status, content.encode(), {"content-type": "text/plain; charset=utf-8", **headers})
        return Response.of_json(self.status, content, headers)


@dataclass(frozen=True)
class Invalid:
    """What is wrong with a request."""

    error: str
    reason: str


@dataclass(frozen=True)
class Route:
    """A request that the service knows: its method, its path, and what in it is the message, if it sends one."""

    method: str
    path: str
    answer: Answer
    message: Mapping[str, str] | None = None
    """Fields of the message as JMESPath: `to`, `text`, further ones, and `key`, by which it is known again."""

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the path."""
        parts = _PART.split(self.path)
        texts, names = map(re.escape, parts[::2]), parts[1::2]
        groups = [f"(?P<{name}>[^/]+)" for name in names] + [""]
        return re.compile("".join(text + group for text, group in zip(texts, groups, strict=True)) + "/?")


@dataclass(frozen=True)
class Declaration:
    """A service: its name, its hosts, and what it answers."""

    name: str
    hosts: Sequence[str]
    routes: Sequence[Route]
    errors: Mapping[str, Answer] = field(default_factory=dict)
    find_invalid: Callable[[Request], Invalid | None] = lambda _: None
    """Tells what is wrong with a request to one of its routes."""
    requests: int | None = None
    """How many requests it takes in `seconds`."""
    seconds: float = 1.0

    @property
    def message_fields(self) -> list[str]:
        """The fields of its messages, on any route."""
        found = (name for route in self.routes for name in route.message or () if name != "key")
        return list(dict.fromkeys(found))


@dataclass
class Declared(Api):
    """The service while it is called."""

    declaration: Declaration
    _accepted: int = 0
    _by_key: dict[str, Response] = field(default_factory=dict)
    _rate: RateLimit | None = None

    def __post_init__(self) -> None:
        if self.declaration.requests is not None:
            self._rate = RateLimit(self.declaration.requests, self.declaration.seconds)

    @property
    def refusals(self) -> Sequence[str]:
        """Those of every service, and those that it declares."""
        return list(dict.fromkeys([*OF_EVERY_SERVICE, *self.declaration.errors]))

    def refuse(self, name: str) -> Response:
        """Builds the response for an error, also of a gateway before it."""
        return self.refusal(name) if name in self.declaration.errors else super().refuse(name)

    def refusal(self, name: str) -> Response:
        """Builds its response for an error."""
        if name in self.declaration.errors:
            return self.declaration.errors[name].response({})
        headers = {"retry-after": str(_RETRY_SECONDS)} if name == "rate-limited" else {}
        return Response.of_json(USUAL[name].status, {"error": USUAL[name].title}, headers)

    def handle(self, request: Request, log: Log, refusal: Response | None = None) -> Response:
        """Answers a request, with `refusal` if given. `log` gets the message in it, if it has one."""
        if self._rate is not None and self._rate.left("", self.clock()) < 0:
            refusal = refusal or self.refusal("rate-limited")
        for route in self.declaration.routes:
            if request.method == route.method and (path := route.pattern.fullmatch(request.path)):
                refusal = refusal or self._refuse_invalid(request)
                return self._answer(route, _read(request, path.groupdict()), log, refusal)
        return refusal or self.refusal("not-found")

    def find_unknown(self, request: Request) -> str | None:
        """Returns why nothing is proven by a request: it is none of the routes that are declared."""
        routes = self.declaration.routes
        if any(route.method == request.method and route.pattern.fullmatch(request.path) for route in routes):
            return None
        known = ", ".join(f"{route.method} {route.path}" for route in routes)
        return (
            f"{self.declaration.name} was asked {request.method} {request.path}, and has only {known}: declare it, "
            f'`[[services.{self.declaration.name}.routes]]` with `request = "{request.method} {request.path}"`'
        )

    def _refuse_invalid(self, request: Request) -> Response | None:
        """Refuses a request that is not as it is described."""
        invalid = self.declaration.find_invalid(request)
        if invalid is None:
            return None
        if invalid.error in self.declaration.errors:
            return self.refusal(invalid.error)
        error = USUAL[invalid.error]
        return Response.of_json(error.status, {"error": error.title, "message": invalid.reason})

    def _answer(self, route: Route, content: Mapping[str, Any], log: Log, refusal: Response | None) -> Response:
        if route.message is None:
            return refusal or route.answer.response(self._values({}))
        found = {name: _find(expression, content) for name, expression in route.message.items()}
        key = found.pop("key", None)
        if refusal is None and key is not None and str(key) in self._by_key:
            return self._by_key[str(key)]  # the message that was accepted with this key
        recipients = found["to"] if isinstance(found["to"], list) else [found["to"]]
        if refusal is None and (error := self.script.find([str(to) for to in recipients])) is not None:
            refusal = self.refuse(error)
        if refusal is None and (not recipients or any(to in (None, "") for to in recipients)):
            refusal = self.refusal("invalid-request")
        fields = {name: "" if value is None else str(value) for name, value in found.items() if name != "to"}
        if refusal is None:
            self._accepted += 1
        values = self._values(fields | {"to": recipients[0] if recipients else ""})
        response = refusal or route.answer.response(values)
        for to in recipients or [None]:
            text = fields.get("text", "")
            more = {name: value for name, value in fields.items() if name != "text"}
            message_id = None if refusal is not None else values["uuid"]
            log(Attempt("" if to is None else str(to), text, response.status, message_id, more=more))
        if refusal is None and key is not None:
            self._by_key[str(key)] = response
        return response

    def _values(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        number = self._accepted
        made = str(uuid.uuid5(_NAMESPACE, f"{self.declaration.name} {number}"))
        return {**fields, "number": number, "uuid": made, "hex": made.replace("-", "")}


def compile_expression(expression: str) -> None:
    """Checks an expression about requests.

    Raises:
        ValueError: it is no JMESPath.
    """
    try:
        jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"{expression!r} is no JMESPath: {str(error).splitlines()[0]}") from None


def _read(request: Request, path: Mapping[str, str]) -> Mapping[str, Any]:
    """Returns what expressions are about."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body: Any = request.form()
    else:
        try:
            body = request.json() if request.body else {}
        except ValueError:
            body = {}
    fields = body if isinstance(body, dict) else {"body": body}
    query = {name: values[0] for name, values in request.query.items()}
    return {**fields, "headers": dict(request.headers), "query": query, "path": path}


def _find(expression: str, content: Mapping[str, Any]) -> Any:
    try:
        return jmespath.search(expression, content)
    except JMESPathError:  # a function that does not take what the request has
        return None


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Returns a value as in JSON, with what stands in braces filled in."""
    match value:
        case str():
            whole = _PART.fullmatch(value)
            if whole is not None and whole[1] in values:
                return values[whole[1]]
            return _PART.sub(lambda part: str(values.get(part[1], part[0])), value)
        case Mapping():
            return {name: _filled(one, values) for name, one in value.items()}
        case list():
            return [_filled(one, values) for one in value]
        case _:
            return value
