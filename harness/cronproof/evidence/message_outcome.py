"""The outcome of one message: a row of the truth table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from cronproof.gate.trace import InjectedFault
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel

Delivered = Literal["never", "once", "twice"]
"""How often a message was accepted. `twice` also stands for more often."""
Anomaly = Literal["duplicate", "lost", "stuck"]
"""duplicate: accepted twice or more. lost: never, row is free. stuck: never, row is claimed."""
RowState = Literal["free", "claimed", "stuck"]
"""A message's row at the end. claimed: message accepted. stuck: claimed, but never accepted."""


class ExpectedMessage(StrictModel):
    """An expected message that belongs to no unit of work."""

    to: Annotated[str, Field(min_length=1, description="The recipient: a phone number, a chat, a contact.")]
    says: Annotated[str, Field(description="Words that are in it, and in no other message to the recipient.")] = ""
    row: Annotated[
        dict[str, dict[str, JsonValue]],
        Field(
            max_length=1,
            description="The row by which crons remember it: the table, and values that identify the row. The message "
            "counts as claimed once the row has changed or appeared.",
        ),
    ] = {}
    in_time: Annotated[
        bool, Field(description="Whether messages that are sent in the recovery come too late to count.")
    ] = False

    def __str__(self) -> str:
        return f"the message to {masked(self.to)}" + (f" that says {self.says!r}" if self.says else "")


@dataclass(frozen=True)
class MessageOutcome:
    """The outcome of one message. `about` names its unit of work, or the expected message."""

    cron: str
    faults: Sequence[InjectedFault]
    about: str
    delivered: Delivered
    row: RowState
    answers: Sequence[str]
    """Each instance's response status, or that it died: `A: 200`, `B: died`."""
    known: str | None = None
    """The reason of the known limit that covers it, if one does."""
    count: int = 0
    """How often the message was accepted."""
    is_of_one_call: bool = False
    """Whether one call sent it more than once."""
    doubt: str | None = None
    """Why nothing is known of it, if the execution was inconclusive."""

    @property
    def anomaly(self) -> Anomaly | None:
        """The anomaly; None if the message was accepted once, or if nothing is known of it."""
        if self.doubt is not None:
            return None
        match self.delivered:
            case "once":
                return None
            case "twice":
                return "duplicate"
            case "never":
                return "stuck" if self.row == "stuck" else "lost"

    @property
    def in_words(self) -> str:
        """How often the message was accepted, as the end of a sentence."""
        match self.count:
            case 0:
                return "never accepted"
            case 1:
                return "accepted once"
            case _:
                times = "twice" if self.count == 2 else f"{self.count} times"
                return f"accepted {times}" + (", by one call" if self.is_of_one_call else "")

    @property
    def where(self) -> str:
        """The faults and their points, to be appended to a sentence."""
        return "".join(f", {fault}" for fault in self.faults)
