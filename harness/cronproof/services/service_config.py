"""A service as a configuration, or a file of the package, describes it."""

import re
from typing import Annotated, Any

from pydantic import Field, field_validator

from cronproof.domain.service_names import ErrorName
from cronproof.services.declared import Answer, Declaration, Route, compile_expression
from cronproof.strict_model import ConfigTable


class AnswerConfig(ConfigTable):
    """What a service answers. In texts of the body `{uuid}`, `{number}` and fields of the message are filled in."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    headers: dict[str, str] = {}
    body: Any = None

    def answer(self) -> Answer:
        """Returns the answer as data."""
        return Answer(self.status, {name.lower(): value for name, value in self.headers.items()}, self.body)


class RouteConfig(ConfigTable):
    """A request that a service knows."""

    request: Annotated[str, Field(pattern=r"^[A-Z]+ /\S*$")]
    """The method and the path, whose parts may have names: `POST /accounts/{account}/messages`."""
    message: dict[str, str] | None = None
    """What in the request is the message, as JMESPath: `to`, `text`, further fields, and `key`."""
    answer: AnswerConfig = AnswerConfig()

    @field_validator("request", mode="after")
    @classmethod
    def _path(cls, value: str) -> str:
        names = re.findall(r"\{(\w+)\}", value)
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

    def route(self) -> Route:
        """Returns the route as data."""
        method, _, path = self.request.partition(" ")
        return Route(method, path, self.answer.answer(), self.message)


class LimitConfig(ConfigTable):
    """How many requests a service takes."""

    requests: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class ServiceConfig(ConfigTable):
    """An HTTP API outside: where it is, and what it answers."""

    hosts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")]] = []
    """Where it really is. Calls of these hosts are led to the stand-in."""
    routes: list[RouteConfig] = []
    errors: dict[ErrorName, AnswerConfig] = {}
    """How it refuses, where that differs from `{"error": …}` with the usual status."""
    limit: LimitConfig | None = None

    def declaration(self, name: str) -> Declaration:
        """Returns the service as data."""
        return Declaration(
            name,
            [host.lower() for host in self.hosts],
            [route.route() for route in self.routes],
            {error: answer.answer() for error, answer in self.errors.items()},
            None if self.limit is None else self.limit.requests,
            1.0 if self.limit is None else self.limit.seconds,
        )
