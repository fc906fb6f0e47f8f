"""A scenario: given rows and services, when crons are called, then checks hold.

The JSON Schema that editors use is made from these classes: their docstrings and descriptions are what an editor shows.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from cronproof.checks.check import Check
from cronproof.scenario.given import Given
from cronproof.scenario.then import BY_NAME, Expectation
from cronproof.scenario.when import When
from cronproof.strict_model import StrictModel


class Scenario(StrictModel):
    """A scenario of cronproof: given rows and services, when crons are called, then checks hold."""

    title: Annotated[str, Field(min_length=1, description="One line: what is shown.")]
    why: Annotated[str, Field(min_length=1, description="Why the case exists: what went wrong, or could.")]
    test: Annotated[
        Literal["functions", "responses", "race", "retry", "rules", "roles", "faults", "remaining"],
        Field(description="The part of the sign-off report that it belongs to."),
    ]
    slow: Annotated[
        bool, Field(description="Whether it takes long: then it is executed only if it is named, or with `--slow`.")
    ] = False
    given: Annotated[Given, Field(description="The state before the crons are called.")] = Given()
    when: Annotated[When | None, Field(description="The calls; none for checks of the database alone.")] = None
    then: Annotated[list[Expectation], Field(min_length=1, description="What must hold, in every order.")]

    _in_python: tuple[Check, ...] = PrivateAttr(())

    def with_checks(self, checks: Sequence[Check]) -> "Scenario":
        """Returns it with further checks, which a file could not say."""
        more = self.model_copy()
        more._in_python = tuple(checks)  # noqa: SLF001  (its own class)
        return more

    @property
    def checks(self) -> list[Check]:
        """The checks with their parameters, in the order of the file."""
        return [
            BY_NAME[item]() if isinstance(item, str) else getattr(item, next(iter(item.model_fields_set)))
            for item in self.then
        ] + list(self._in_python)
