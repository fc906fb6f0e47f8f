"""`then`: the checks that must hold, each as its name alone, or as its name and its parameters."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, create_model, model_validator

from cronproof.checks import CHECKS, Check
from cronproof.strict_model import StrictModel


def _needs_parameters(check: type[Check]) -> bool:
    if not issubclass(check, StrictModel):
        return True
    try:
        check.model_validate({})
    except ValidationError:
        return True
    return False


BY_NAME = {check.id: check for check in CHECKS if not _needs_parameters(check)}
"""The checks that need no parameters."""
if TYPE_CHECKING:
    CheckName = str
else:
    CheckName = Literal[tuple(BY_NAME)]


class _OneCheck(StrictModel):
    """One check and its parameters."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("each item of the list is one check")
        if getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError("this check needs its parameters")
        return self


_FIELDS: Any = {
    check.id.replace("-", "_"): (Annotated[check | None, Field(alias=check.id)], None)
    for check in CHECKS
    if not issubclass(check, StrictModel) or check.model_fields
}
if TYPE_CHECKING:
    WithParameters = _OneCheck
else:
    WithParameters = create_model("WithParameters", __base__=_OneCheck, __doc__=_OneCheck.__doc__, **_FIELDS)

Expectation = Annotated[
    Annotated[CheckName, Tag("name")] | Annotated[WithParameters, Tag("parameters")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "parameters"),
]
