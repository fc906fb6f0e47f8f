"""The refusals that a scenario gives to a service, in place of its usual answers."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from cronproof.services.given import Refusal


@dataclass
class Script:
    """The refusals of one service, of which the first that matches a message answers it."""

    refusals: Sequence[Refusal] = ()
    is_over: bool = False
    """Whether no message is refused any more."""
    _answered: Counter[int] = field(default_factory=Counter)
    """How often each refusal has answered, by its position."""

    def find(self, recipients: Collection[str]) -> str | None:
        """Returns the error that answers a message to these recipients, and counts it. None: no refusal matches."""
        for position, one in enumerate(() if self.is_over else self.refusals):
            if one.to in (None, *recipients) and (one.times is None or self._answered[position] < one.times):
                self._answered[position] += 1
                return one.error
        return None

    @property
    def has_no_end(self) -> bool:
        """Whether a refusal still answers any number of messages."""
        return not self.is_over and any(one.times is None for one in self.refusals)

    @property
    def met(self) -> frozenset[int]:
        """The positions of the refusals that have answered a message."""
        return frozenset(self._answered)
