"""What became of one message, as data: a line of the truth table."""

from __future__ import annotations

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
"""duplicate: accepted more than once. lost: never accepted, and its row is free. stuck: never accepted, and its row is claimed."""
RowState = Literal["free", "claimed", "stuck"]
"""The row of a message in the end: free to be claimed, claimed and its message accepted, or claimed and never messaged."""


class ExpectedMessage(StrictModel):
    """A message that is expected, and that belongs to no unit of work."""

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
    """What became of one message: that of a unit of work, or one that is `about` something else."""

    cron: str
    faults: Sequence[InjectedFault]
    about: str
    delivered: Delivered
    row: RowState
    answers: Sequence[str]
    """What each called instance answered: `A: 200`, or that it died."""
    known: str | None = None
    """The reason of the known limit that covers it, if one does."""

    @property
    def anomaly(self) -> Anomaly | None:
        """What is wrong, unless it was accepted once."""
        match self.delivered:
            case "once":
                return None
            case "twice":
                return "duplicate"
            case "never":
                return "stuck" if self.row == "stuck" else "lost"

    @property
    def where(self) -> str:
        """The faults and their points, as the end of a sentence."""
        return "".join(f", {fault}" for fault in self.faults)
