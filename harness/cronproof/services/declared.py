"""A service as `cronproof.toml` declares it: what in a request is the message, and what the service answers.

What is said of a request is JMESPath (https://jmespath.org) over its parsed body, besides which there are
`headers`, `query`, `path` (the parts of the path that have names) and `body` (where it is no object).
"""

import functools
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from cronproof.domain.message import Attempt
from cronproof.domain.work import texts_in
from cronproof.services.api import USUAL_WINDOW, Api
from cronproof.services.errors import OF_EVERY_SERVICE, USUAL
from cronproof.services.exchange import Log, RateLimit, Request, Response

_PART = re.compile(r"\{(\w+)\}", re.ASCII)
_NAMESPACE = uuid.UUID("6f1c2f5e-6d0f-4d5f-9d44-9a1d6f0f2c11")
_RETRY_SECONDS = 1
_OF_THE_SAME = frozenset(
    {
        *("function_expression", "or_expression", "and_expression", "not_expression", "comparator"),
        *("multi_select_list", "multi_select_dict", "key_val_pair"),
    }
)
"""What evaluates all its parts on what it is evaluated on itself."""
_OF_THE_FIRST = frozenset(
    {
        *("subexpression", "index_expression", "pipe"),
        *("projection", "value_projection", "filter_projection", "flatten"),
    }
)
"""What evaluates its first part so, and the others on its result."""
_HEADERS = {"type": "field", "children": [], "value": "headers"}
MADE_UP = ("uuid", "hex", "number")
"""What answers can have beside the fields of the message."""


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
        content = _filled(self.body, values)
        headers = {name: _header(as_text(_filled(value, values))) for name, value in self.headers.items()}
        if content is None:
            return Response(self.status, b"", headers)
        if isinstance(content, str):
            return Response(self.status, content.encode(), {"content-type": "text/plain; charset=utf-8", **headers})
        return Response.of_json(self.status, content, headers)


def find_braces(value: Any) -> Iterator[str]:
    """Yields the names that stand in braces in a value as in JSON."""
    for text in texts_in(value):
        yield from _PART.findall(text)


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


def find_nothing_invalid(_: Request) -> Invalid | None:
    """Tells nothing: what a request should be is not described."""
    return None


@dataclass(frozen=True)
class Declaration:
    """A service: its name, its hosts, and what it answers."""

    name: str
    hosts: Sequence[str]
    routes: Sequence[Route]
    errors: Mapping[str, Answer] = field(default_factory=dict)
    find_invalid: Callable[[Request], Invalid | None] = find_nothing_invalid
    """Tells what is wrong with a request to one of its routes."""
    requests: int | None = None
    """How many requests it takes in `seconds`."""
    seconds: float = 1.0
    key_hours: float | None = None
    """How long it knows a key; None: for ever."""

    @property
    def message_fields(self) -> list[str]:
        """The fields of its messages, on any route."""
        found = (name for route in self.routes for name in route.message or () if name != "key")
        return list(dict.fromkeys(found))


@dataclass(frozen=True)
class _Known:
    """What was accepted with a key."""

    message: Mapping[str, Any]
    response: Response
    since: timedelta
    """How much time had passed."""


@dataclass
class Declared(Api):
    """The service while it is called."""

    declaration: Declaration
    _accepted: int = 0
    _by_key: dict[str, _Known] = field(default_factory=dict)
    _passed: timedelta = timedelta()
    """How much time was let pass."""
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
        if (found := self._find_route(request)) is not None:
            route, path = found
            return self._answer(route, _read(request, path), log, refusal or self._refuse_invalid(request))
        return refusal or self.refusal("not-found")

    def sends(self, request: Request) -> bool:
        """Whether a request has an effect: it may be a message whatever its method is."""
        found = self._find_route(request)
        return super().sends(request) or (found is not None and found[0].message is not None)

    @property
    def window(self) -> timedelta:
        """After how much time its limit does not count any more what was asked before."""
        return max(USUAL_WINDOW, timedelta(seconds=self.declaration.seconds))

    def shift_time(self, time: timedelta) -> None:
        """Lets time pass, also for keys."""
        super().shift_time(time)
        self._passed += time

    def _find_route(self, request: Request) -> tuple[Route, Mapping[str, str]] | None:
        """Finds the route of a request, and the named parts of its path."""
        for route in self.declaration.routes:
            if request.method == route.method and (path := route.pattern.fullmatch(request.path)):
                return route, path.groupdict()
        return None

    def find_unknown(self, request: Request) -> str | None:
        """Returns why nothing is proven by a request: it is none of the routes that are declared, or has no recipient
        or text where one is declared to be.
        """
        if (found := self._find_route(request)) is not None:
            route, path = found
            if route.message is None or self.declaration.find_invalid(request) is not None:
                return None
            content = _read(request, path)
            lacks = None if any(map(_is_address, _recipients(route.message, content))) else "to"
            if lacks is None and "text" in route.message and _find(route.message["text"], content) is None:
                lacks = "text"
            if lacks is None:
                return None
            return (
                f"{self.declaration.name} was asked {request.method} {request.path}, where `{lacks} = "
                f"{json.dumps(route.message[lacks])}` finds {'no recipient' if lacks == 'to' else 'nothing'}: is `message` of "
                "this route right?"
            )
        known = ", ".join(f"{route.method} {route.path}" for route in self.declaration.routes)
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
        key = as_text(found.pop("key", None) or "")
        known = self._find_known(key)
        if refusal is None and known is not None and known.message == found:
            return known.response  # that of the message that was accepted with this key
        if refusal is None and known is not None:
            refusal = self.refusal("conflict")  # the key was used for another message
        recipients = _recipients(route.message, content)
        if refusal is None and (error := self.script.find([as_text(to) for to in recipients])) is not None:
            refusal = self.refuse(error)
        if refusal is None and not (recipients and all(map(_is_address, recipients))):
            refusal = self.refusal("invalid-request")
        fields = {name: as_text(value) for name, value in found.items() if name != "to"}
        if refusal is None:
            self._accepted += 1
        values = self._values(fields | {"to": recipients[0] if recipients else ""})
        response = refusal or route.answer.response(values)
        for to in recipients or [None]:
            text = fields.get("text", "")
            more = {name: value for name, value in fields.items() if name != "text"}
            message_id = None if refusal is not None else values["uuid"]
            log(Attempt(as_text(to), text, response.status, message_id, more=more))
        if refusal is None and key:
            self._by_key[key] = _Known(found, response, self._passed)
        return response

    def _find_known(self, key: str) -> _Known | None:
        """Returns what was accepted with a key, if it is still known."""
        known, hours = self._by_key.get(key), self.declaration.key_hours
        if known is None or (hours is not None and self._passed - known.since >= timedelta(hours=hours)):
            return None
        return known

    def _values(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        number = self._accepted
        made = str(uuid.uuid5(_NAMESPACE, f"{self.declaration.name} {number}"))
        return {**fields, "number": number, "uuid": made, "hex": made.replace("-", "")}


def compile_expression(expression: str) -> None:
    """Checks an expression about requests.

    Raises:
        ValueError: it is no JMESPath, calls a function that there is not, or asks for what no request has.
    """
    if not expression.strip():
        raise ValueError("an expression says where something is in the request; it cannot be empty")
    try:
        parsed = jmespath.compile(expression).parsed
    except JMESPathError as error:
        raise ValueError(f"{expression!r} is no JMESPath: {str(error).splitlines()[0]}") from None
    for reason in _find_mistakes(parsed):
        raise ValueError(f"{expression!r} is no JMESPath: {reason}")
    for header in _find_headers(parsed):
        if header != header.lower():
            raise ValueError(
                f'{expression!r} finds nothing: names of headers are in lower case, headers."{header.lower()}"'
            )


def _find_mistakes(node: Mapping[str, Any]) -> Iterator[str]:
    """Yields what is wrong with a parsed expression, which the library would say only when it is evaluated."""
    if node["type"] == "slice":
        if node["children"][2:] == [0]:
            yield "the step of a slice cannot be 0"
        return
    if node["type"] == "function_expression":
        name, arguments = node["value"], node["children"]
        signature = Functions.FUNCTION_TABLE[name]["signature"] if name in Functions.FUNCTION_TABLE else None
        if signature is None:
            yield f"there is no function {name}()"
        elif len(arguments) < len(signature) or (len(arguments) > len(signature) and not signature[-1].get("variadic")):
            yield f"{name}() takes {len(signature)} argument{'s' * (len(signature) != 1)}, not {len(arguments)}"
    for child in node["children"]:
        yield from _find_mistakes(child)


def _find_headers(node: Mapping[str, Any]) -> Iterator[str]:
    """Yields the names of the request's headers that an expression asks for: at its root, not within something else."""
    children = node["children"]
    if node["type"] == "subexpression" and children[0] == _HEADERS and children[1]["type"] == "field":
        yield children[1]["value"]
    for child in children if node["type"] in _OF_THE_SAME else children[:1] if node["type"] in _OF_THE_FIRST else ():
        yield from _find_headers(child)


def as_text(value: Any) -> str:
    """Returns a value as in JSON as text: a text itself, nothing for null, and JSON for all others."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _header(text: str) -> str:
    """Returns a text as a header can hold it (RFC 9110): on one line, in Latin-1."""
    return " ".join(text.split()).encode("latin-1", "replace").decode("latin-1")


def _is_address(recipient: Any) -> bool:
    return recipient not in (None, "")


def _recipients(message: Mapping[str, str], content: Mapping[str, Any]) -> Sequence[Any]:
    """Returns the recipients of a message."""
    found = _find(message["to"], content)
    return found if isinstance(found, list) else [found]


def _read(request: Request, path: Mapping[str, str]) -> Mapping[str, Any]:
    """Returns what expressions are about."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        body: Any = request.form()
    elif kind.startswith("multipart/form-data"):
        body = _read_parts(kind, request.body)
    else:
        try:
            body = request.json() if request.body else {}
        except ValueError:
            body = request.body.decode(errors="replace")
    fields = body if isinstance(body, dict) else {"body": body}
    query = {name: values[0] for name, values in request.query.items()}
    return {**fields, "headers": dict(request.headers), "query": query, "path": path}


def _read_parts(kind: str, body: bytes) -> Mapping[str, str]:
    """Reads a form of several parts (RFC 7578): its texts, by name."""
    form = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body, policy=policy.HTTP)
    named = ((part.get_param("name", header="content-disposition"), part) for part in form.iter_parts())
    texts = ((name, part) for name, part in named if part.get_content_maintype() == "text")
    return {str(name): bytes(part.get_payload(decode=True)).decode(errors="replace") for name, part in texts}


def _find(expression: str, content: Mapping[str, Any]) -> Any:
    try:
        return jmespath.search(expression, content)
    except (JMESPathError, ValueError):  # a function or a slice that does not take what the request has
        return None


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Returns a value as in JSON, with what stands in braces filled in."""
    match value:
        case str():
            whole = _PART.fullmatch(value)
            if whole is not None and whole[1] in values:
                return values[whole[1]]
            return _PART.sub(lambda part: as_text(values.get(part[1], part[0])), value)
        case Mapping():
            return {name: _filled(one, values) for name, one in value.items()}
        case list():
            return [_filled(one, values) for one in value]
        case _:
            return value
