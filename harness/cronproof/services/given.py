"""`given`: how the services behave during an execution."""

from typing import Annotated

from pydantic import Field

from cronproof.services.errors import ErrorName
from cronproof.strict_model import StrictModel


class Refusal(StrictModel):
    """A service refuses messages with one of its errors."""

    error: Annotated[ErrorName, Field(description="Which error, by the name that the service has for it.")]
    to: Annotated[str | None, Field(description="Only messages to this recipient; to any when left out.")] = None
    times: Annotated[
        int | None,
        Field(
            ge=1,
            description="How many times. When left out: until the recovery; where `max-attempts` counts, until nobody tries any more.",
        ),
    ] = None


class ServiceGiven(StrictModel):
    """How a service behaves during the execution. In the recovery it refuses only what is invalid."""

    refuses: Annotated[list[Refusal], Field(description="The first that matches a message answers it.")] = []
    options: Annotated[
        dict[str, str], Field(description="What else this service lets one choose, such as the form of its errors.")
    ] = {}


class ServicesGiven(StrictModel):
    """How each service behaves."""

    services: Annotated[dict[str, ServiceGiven], Field(description="How services behave, by name.")] = {}

    @property
    def refusals(self) -> list[Refusal]:
        """The refusals, in the order of the file."""
        return [one for given in self.services.values() for one in given.refuses]
