"""`then`: checks by their names, alone or with parameters."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from cronproof.checks import CHECKS
from cronproof.scenario.then import BY_NAME, Expectation

EXPECTATION: TypeAdapter[Any] = TypeAdapter(Expectation)


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_a_check_that_needs_no_parameters_is_its_name() -> None:
    assert "exclusive" in BY_NAME
    assert EXPECTATION.validate_python("exclusive") == "exclusive"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("exclusiv", "Input should be"),
        ("max-attempts", "Input should be"),
        ({"max-attempts": None}, "this check needs its parameters"),
        ({"max-attempts": {"at_most": 1}, "status": 200}, "each item of the list is one check"),
        ({}, "each item of the list is one check"),
        ({"max-attempts": {"at_most": 0}}, "greater than or equal to 1"),
    ],
)
def test_what_is_no_check_is_refused(value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EXPECTATION.validate_python(value)
