"""`given`: how the services behave during an execution."""

from typing import Annotated

from pydantic import Field

from cronproof.domain.service_names import ErrorName
from cronproof.services.openphone_errors import Envelope
from cronproof.strict_model import StrictModel


class Refusal(StrictModel):
    """OpenPhone refuses messages with one of its documented errors."""

    error: Annotated[ErrorName, Field(description="Which error.")]
    to: Annotated[str | None, Field(description="Only messages to this number; to any number when left out.")] = None
    times: Annotated[int | None, Field(ge=1, description="How many times; always when left out.")] = None


class OpenPhoneGiven(StrictModel):
    """How the SMS API behaves during the execution. In the recovery it refuses only what is invalid."""

    refuses: Annotated[list[Refusal], Field(description="The first that matches a message answers it.")] = []
    envelope: Annotated[
        Envelope, Field(description="The form of its errors: as documented (flat), or as seen live (wrapped).")
    ] = "flat"


class ServicesGiven(StrictModel):
    """How each service behaves."""

    openphone: Annotated[OpenPhoneGiven, Field(description="How the SMS API behaves.")] = OpenPhoneGiven()

    @property
    def refusals(self) -> list[Refusal]:
        """The refusals, in the order of the file."""
        return self.openphone.refuses
