"""Messages that instances tried to send, and blocked calls."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from cronproof.redaction import cut


@dataclass(frozen=True)
class Attempt:
    """A message in a request, and the response. Only an accepted message has an id."""

    to: str
    content: str
    status: int
    message_id: str | None = None
    credentials: Sequence[str | None] = field(default=(), repr=False)
    """What says in whose name it is sent: the API key, the number, the bot. They go no further."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further fields of it, by name: the subject, the sender."""

    @property
    def fields(self) -> Mapping[str, str]:
        """What is known of it, by name."""
        return {"to": self.to, "text": self.content, **self.more}

    @property
    def identity(self) -> Hashable:
        """What two messages have in common that are the same: recipient and text or, without a text, all that is known."""
        return self.to, self.content, () if self.content else tuple(sorted(self.more.items()))

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known of what it says, so that it cannot be compared."""
        return not self.content and not any(self.more.values())

    @property
    def accepted(self) -> bool:
        """Whether the service accepted it for delivery."""
        return self.message_id is not None


@dataclass(frozen=True)
class Message(Attempt):
    """A message that an instance tried to send. `number` counts from 1 across all services.

    `cron` is the sending cron if it is known and differs from the called one.
    """

    number: int = 0
    service: str = ""
    instance: str = ""
    cron: str | None = None
    owners: frozenset[str] | None = None
    """The ids of those in whose name it is sent: with their key, from their number. None: unknown.
    Empty: with the key of one, from the number of another.
    """


@dataclass(frozen=True)
class SentMessage:
    """A message that a cron tried to send: in the execution, or in a round of the recovery."""

    cron: str
    message: Message
    round: int = 0
    """The round of the recovery, from 1; 0 for the execution. An instance has one call in each."""

    @property
    def recovering(self) -> bool:
        """Whether it was sent in the recovery."""
        return self.round > 0

    @property
    def call(self) -> tuple[str, int]:
        """The call that sent it: the instance, and the round."""
        return self.message.instance, self.round

    def __str__(self) -> str:
        by = f"{self.cron} again" if self.recovering else f"{self.message.instance} ({self.cron})"
        return f"#{self.message.number} by {by} {cut(self.message.content)!r}"


@dataclass(frozen=True)
class BlockedCall:
    """A call to a host that is not a mock. It was refused."""

    instance: str
    url: str
