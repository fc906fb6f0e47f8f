"""A message that an instance has handed to a service, and a call that was blocked."""

from __future__ import annotations

from dataclasses import dataclass

from cronproof.domain.crons import purpose
from cronproof.domain.service_names import ServiceName
from cronproof.redaction import cut


@dataclass(frozen=True)
class Attempt:
    """A message that was in a request, and what became of it: only an accepted one has an id."""

    to: str
    content: str
    status: int
    message_id: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the service took it, so that it will be delivered."""
        return self.message_id is not None


@dataclass(frozen=True)
class Message(Attempt):
    """A message that an instance tried to send. `number` counts the messages of a run from 1, over all services.

    `cron` is the one that sent it, where that is another than the one that was called, and known.
    """

    number: int = 0
    service: ServiceName = "openphone"
    instance: str = ""
    cron: str | None = None


@dataclass(frozen=True)
class SentMessage:
    """A message that a cron tried to send, with the cron's name. `recovering` ones came after the run itself."""

    cron: str
    message: Message
    recovering: bool = False

    @property
    def purpose(self) -> str:
        """What it was sent for."""
        return purpose(self.cron)

    def __str__(self) -> str:
        by = f"{self.cron} again" if self.recovering else f"{self.message.instance} ({self.cron})"
        return f"#{self.message.number} by {by} {cut(self.message.content)!r}"


@dataclass(frozen=True)
class BlockedCall:
    """An instance called a host that is no mock. The call was refused."""

    instance: str
    url: str
