"""Functions as crons: what a test in Python has several instances call at once."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from cronproof.targets.in_process import Clock, Factory

PATH = "/{cron}"


class Function(Protocol):
    """A cron: it gets the values of the placeholders, which lead to the database and the services of its instance."""

    __name__: str

    async def __call__(self, values: Mapping[str, str], /) -> Any:
        """Does the cron's work. What it returns is the response's body."""


def make_factory(functions: Sequence[Function]) -> Factory:
    """Returns what makes the application of an instance, whose crons are these functions."""
    by_name = {function.__name__: function for function in functions}

    def make(values: Mapping[str, str], _: Clock) -> ASGIApp:
        async def call(request: Request) -> JSONResponse:
            return JSONResponse(await by_name[request.path_params["cron"]](values))

        return Starlette(routes=[Route(PATH, call)])

    return make
