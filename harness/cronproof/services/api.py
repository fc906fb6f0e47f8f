"""What a service is, while it is called. Those with rules that a declaration cannot say are classes of Python.

A package offers one by an entry point of the group `cronproof.services`: its name is the service's name, and it leads
to a subclass of `Api`. docs/services.md has an example.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar, Literal

from cronproof.errors import UsageError
from cronproof.services.errors import BAD_GATEWAY, OF_EVERY_SERVICE
from cronproof.services.exchange import CallClock, Log, Request, Response
from cronproof.services.script import Script

GROUP = "cronproof.services"
Meaning = Literal["url", "key"]
"""What a placeholder stands for: where a service is, or a key that it accepts."""


ONLY_READ = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods of requests that have no effect (RFC 9110), unless a service says so."""
USUAL_WINDOW = timedelta(minutes=1)


@dataclass(kw_only=True)
class Api(ABC):
    """A mocked API. Made anew for each execution."""

    hosts: ClassVar[Sequence[str]] = ()
    """Where it really is. Calls of these hosts are led to it."""
    fields: ClassVar[Sequence[str]] = ("to", "text")
    """The fields of its messages, for `match` of a work."""
    words: ClassVar[Sequence[str]] = ()
    """Its other names, as they are part of names of environment variables."""
    placeholders: ClassVar[Mapping[str, Meaning]] = {}
    """Short placeholders of configurations, besides `{services.NAME.url}`."""
    choices: ClassVar[Mapping[str, Sequence[str]]] = {}
    """The options that a scenario can give it, each with its values, of which the first is usual."""
    api_keys: frozenset[str] = frozenset()
    """The keys that it accepts, if it looks at them."""
    script: Script = field(default_factory=Script)
    """The refusals that the scenario gives."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The options that the scenario gives."""
    clock: CallClock = field(default_factory=CallClock)
    """The time, for limits of its rate."""

    @property
    def refusals(self) -> Sequence[str]:
        """The errors with which it can refuse a message: the faults that are tried at such a call."""
        return OF_EVERY_SERVICE

    @abstractmethod
    def refusal(self, name: str) -> Response:
        """Builds its response for an error."""

    def refuse(self, name: str) -> Response:
        """Builds the response for an error, also of a gateway before it."""
        return BAD_GATEWAY if name == "bad-gateway" else self.refusal(name)

    @abstractmethod
    def handle(self, request: Request, log: Log, refusal: Response | None = None) -> Response:
        """Answers a request, with `refusal` if given. `log` gets the message in it, if it has one."""

    def sends(self, request: Request) -> bool:
        """Whether a request has an effect: then losing its answer differs from losing the request."""
        return request.method not in ONLY_READ

    @property
    def window(self) -> timedelta:
        """After how much time no limit of its rate counts any more what was asked before."""
        return USUAL_WINDOW

    def find_unknown(self, request: Request) -> str | None:  # noqa: ARG002  (most answer as the real one does)
        """Returns why nothing is proven by a request: it is not known what the real service does with it."""
        return None

    def show_path(self, path: str) -> str:
        """Returns the path as reports show it: without secrets, and the same in every execution."""
        return path

    def shift_time(self, time: timedelta) -> None:
        """Lets time pass: what was sent moves into the past, also for limits of its rate."""
        self.clock.shift_time(time)


@functools.cache
def find_installed() -> Mapping[str, type[Api]]:
    """Returns the services in Python that this package and others offer, by name.

    Raises:
        UsageError: one cannot be imported, or is no service.
    """
    return {point.name: _load(point) for point in sorted(entry_points(group=GROUP))}


def find_installed_hosts() -> dict[str, str]:
    """Finds the hosts of these services: the service at each."""
    return {host: name for name, api in find_installed().items() for host in api.hosts}


def _load(point: EntryPoint) -> type[Api]:
    offered = (
        f"the service {point.name}, which {point.dist.name if point.dist else 'a package'} offers as {point.value},"
    )
    try:
        found = point.load()
    except Exception as error:  # noqa: BLE001  (it is somebody else's code)
        raise UsageError(f"{offered} cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, Api)):
        raise UsageError(f"{offered} is no subclass of cronproof.services.api.Api")
    return found
