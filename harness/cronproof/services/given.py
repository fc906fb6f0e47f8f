"""`given`: how the services behave during an execution."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from cronproof.domain.service_names import ErrorName
from cronproof.services.openphone_errors import Envelope
from cronproof.strict_model import StrictModel


class Refusal(StrictModel):
    """A service refuses messages with one of its errors."""

    error: Annotated[ErrorName, Field(description="Which error.")]
    to: Annotated[str | None, Field(description="Only messages to this recipient; to any when left out.")] = None
    times: Annotated[int | None, Field(ge=1, description="How many times; always when left out.")] = None


class OpenPhoneGiven(StrictModel):
    """How the SMS API behaves during the execution. In the recovery it refuses only what is invalid."""

    refuses: Annotated[list[Refusal], Field(description="The first that matches a message answers it.")] = []
    envelope: Annotated[
        Envelope, Field(description="The form of its errors: as documented (flat), or as seen live (wrapped).")
    ] = "flat"


class ServiceGiven(StrictModel):
    """How a service behaves during the execution. In the recovery it refuses only what is invalid."""

    refuses: Annotated[list[Refusal], Field(description="The first that matches a message answers it.")] = []


class ServicesGiven(StrictModel):
    """How each service behaves."""

    services: Annotated[dict[str, ServiceGiven], Field(description="How other services behave, by name.")] = {}
    openphone: Annotated[OpenPhoneGiven, Field(description="How the SMS API behaves.")] = OpenPhoneGiven()

    @field_validator("services", mode="after")
    @classmethod
    def _once(cls, value: dict[str, ServiceGiven]) -> dict[str, ServiceGiven]:
        if "openphone" in value:
            raise ValueError("`openphone` has a place of its own: `given: {openphone: …}`")
        return value

    @property
    def of_services(self) -> Mapping[str, ServiceGiven | OpenPhoneGiven]:
        """How each service behaves, by its name, in the order of the file."""
        return {"openphone": self.openphone, **self.services}

    @property
    def refusals(self) -> list[Refusal]:
        """The refusals, in the order of the file."""
        return [one for given in self.of_services.values() for one in given.refuses]
