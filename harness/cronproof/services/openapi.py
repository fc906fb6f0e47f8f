"""A service as an OpenAPI document describes it: its hosts, its operations with their answers, and which requests are valid.

The document is read and requests are validated by openapi-core: https://openapi-core.readthedocs.io.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema_path.readers import FilePathReader
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.validation.request.exceptions import SecurityValidationError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from cronproof.services.declared import Answer, Invalid, Route
from cronproof.services.errors import FIRST_ERROR
from cronproof.services.exchange import Request

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_ERRORS: Mapping[str, str] = {
    "400": "invalid-request",
    "422": "invalid-request",
    "401": "unauthorized",
    "404": "not-found",
    "409": "conflict",
    "429": "rate-limited",
    "500": "unknown-error",
}
_DEEPEST = 8
"""How deep an example is made of a schema: one may contain itself."""


@dataclass(frozen=True)
class Document:
    """What a document says."""

    file: Path
    hosts: Sequence[str]
    routes: Sequence[Route]
    errors: Mapping[str, Answer]
    """Those with a usual name by it, others by their status: `status-402`."""
    _api: OpenAPI
    _origin: str
    """Where requests are validated as if they went there."""

    def __reduce__(self) -> tuple[Callable[[Path], "Document"], tuple[Path]]:
        """Has another process read it again: what the library makes of it cannot be sent there."""
        return read_openapi, (self.file,)

    def find_invalid(self, request: Request) -> Invalid | None:
        """Returns what is wrong with a request; None if it is valid."""
        try:
            self._api.validate_request(_Asked(request, self._origin))
        except SecurityValidationError as error:
            return Invalid("unauthorized", str(error))
        except OpenAPIError as error:
            reasons = [one.message for one in getattr(error.__cause__, "schema_errors", ())]
            return Invalid("invalid-request", "; ".join(reasons) or str(error))
        return None


@functools.cache
def read_openapi(file: Path) -> Document:
    """Reads a document.

    Raises:
        ValueError: it cannot be read, or is no valid document, in one line.
    """
    try:
        document, place = FilePathReader(str(file)).read()
        for reference in _references(document):
            _resolve(document, reference)
        api = OpenAPI.from_dict(document, base_uri=place)
        operations = list(_operations(api))
    except OSError:
        raise ValueError(f"there is no file {file}") from None
    except Exception as error:  # noqa: BLE001  (each library below it has errors of its own)
        raise ValueError(f"{file.name} is no valid OpenAPI document: {_first_line(error)}") from None
    servers = [urlsplit(server["url"]) for server in document.get("servers", ())]
    prefix = servers[0].path.rstrip("/") if servers else ""
    routes = [Route(method.upper(), prefix + path, _answer(responses)) for method, path, responses in operations]
    errors = {
        _ERRORS.get(status, f"status-{status}"): Answer(int(status), body=_body(response))
        for _, _, responses in reversed(operations)
        for status, response in responses.items()
        if status.isdigit() and int(status) >= FIRST_ERROR
    }
    hosts = [host for server in servers if (host := server.hostname) and "{" not in host]
    origin = f"{servers[0].scheme}://{servers[0].netloc}" if servers and servers[0].netloc else "http://localhost"
    return Document(file, list(dict.fromkeys(hosts)), routes, errors, api, origin)


@dataclass
class _Asked:
    """A request as openapi-core asks for it."""

    request: Request
    host_url: str
    parameters: RequestParameters = field(init=False)

    def __post_init__(self) -> None:
        pairs = [(name, value) for name, values in self.request.query.items() for value in values]
        headers = Headers(dict(self.request.headers))
        self.parameters = RequestParameters(query=ImmutableMultiDict(pairs), header=headers)

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def method(self) -> str:
        return self.request.method.lower()

    @property
    def body(self) -> bytes | None:
        return self.request.body or None

    @property
    def content_type(self) -> str:
        return self.request.headers.get("content-type", "")


def _operations(api: OpenAPI) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yields each operation: its method, its path, and its responses by status."""
    for path, item in (api.spec / "paths").items():
        for method, operation in item.items():
            if method in METHODS:
                responses = (operation / "responses").items() if "responses" in operation else ()
                yield method, str(path), {str(status): response for status, response in responses}


def _answer(responses: Mapping[str, Any]) -> Answer:
    """Returns the answer of a request that is accepted: that with the lowest status below 300."""
    status = min((status for status in responses if status.startswith("2")), default=None)
    if status is None:
        return Answer(200, body=_body(responses["default"]) if "default" in responses else None)
    return Answer(int(status) if status.isdigit() else 200, body=_body(responses[status]))


def _body(response: Any) -> Any:
    """Returns the example of a response's body; None if it has none."""
    if "content" not in response:
        return None
    for kind, content in (response / "content").items():
        if "json" not in kind:
            continue
        if "example" in content:
            return (content / "example").read_value()
        for _, example in (content / "examples").items() if "examples" in content else ():
            return (example / "value").read_value() if "value" in example else None
        return _example(content / "schema", _DEEPEST) if "schema" in content else None
    return None


def _example(schema: Any, depth: int) -> Any:
    """Makes the simplest value of a schema."""
    for word in ("example", "default", "const", "examples", "enum"):
        if word in schema:
            value = (schema / word).read_value()
            return next(iter(value), None) if word in {"examples", "enum"} else value
    if depth == 0:
        return None
    if "allOf" in schema:
        parts = [_example(part, depth - 1) for part in schema / "allOf"]
        return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
    if one := next((word for word in ("oneOf", "anyOf") if word in schema), None):
        return _example(next(iter(schema / one)), depth - 1)
    return _example_of_type(schema, depth)


def _example_of_type(schema: Any, depth: int) -> Any:
    named = (schema / "type").read_value() if "type" in schema else "object"
    kind = named[0] if isinstance(named, list) else named
    if kind == "object":
        properties = (schema / "properties").items() if "properties" in schema else ()
        return {str(name): _example(one, depth - 1) for name, one in properties}
    if kind == "array":
        return [_example(schema / "items", depth - 1)] if "items" in schema else []
    if kind in {"integer", "number"}:
        return (schema / "minimum").read_value() if "minimum" in schema else 1
    return {"string": "text", "boolean": True}.get(kind)


def _references(value: Any) -> Iterator[str]:
    """Yields what a document refers to, at any depth."""
    match value:
        case {"$ref": str(reference)}:
            yield reference
        case Mapping():
            for one in value.values():
                yield from _references(one)
        case list():
            for one in value:
                yield from _references(one)


def _resolve(document: Any, reference: str) -> None:
    """Checks that there is what a reference leads to. The library would look only when it is needed.

    Raises:
        LookupError: there is not, or it is not on this machine.
    """
    if "://" in reference:
        raise LookupError(f"{reference} is not on this machine")
    file, _, pointer = reference.partition("#")
    place = document
    for part in [] if file else pointer.strip("/").split("/"):
        place = place.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
        if place is None:
            raise LookupError(f"{reference} leads nowhere")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
