"""Dispatches calls to the mocked services, with scheduling points and a log of messages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial

from cronproof.domain.message import Attempt, BlockedCall, Message
from cronproof.gate import fault as faulty
from cronproof.gate.fault import FaultName
from cronproof.gate.footprint import Footprint
from cronproof.gate.gate import Gate, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.services.api import Api, find_installed, find_installed_hosts
from cronproof.services.declared import Declaration, Declared
from cronproof.services.errors import OF_EVERY_SERVICE
from cronproof.services.exchange import NoAnswer, Request, Response
from cronproof.services.given import ServiceGiven, ServicesGiven
from cronproof.services.script import Script

_USUAL = ServiceGiven()
"""The behaviour of a service about which a scenario says nothing."""


@dataclass(eq=False)
class _Call:
    """A call as a channel. It is held or over, and never busy."""

    content: bytes
    is_busy = False
    goes_on = False


@dataclass
class Services:
    """The mocked APIs of a run. `messages` has every message that was tried, refused ones too."""

    api_keys: frozenset[str]
    credentials: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The ids of the owners of each key, number and bot."""
    declared: Sequence[Declaration] = ()
    """The services that the configuration declares."""
    gate: Gate = field(default_factory=OpenGate)
    messages: list[Message] = field(default_factory=list)
    blocked_calls: list[BlockedCall] = field(default_factory=list)
    unknown_requests: list[str] = field(default_factory=list)
    """The requests to declared services that are none of their routes, with what to do about it."""

    def __post_init__(self) -> None:
        self.reset()

    def reset(self, given: ServicesGiven | None = None) -> None:
        """Resets all services to the behaviour that a scenario gives."""
        self._given = (given or ServicesGiven()).services
        self.apis = {name: self._make(make, self._given.get(name)) for name, make in self._makers.items()}
        self.messages, self.blocked_calls, self.unknown_requests = [], [], []

    @property
    def refuses_without_end(self) -> bool:
        """Whether a refusal that a scenario gives still answers any number of messages."""
        return any(api.script.has_no_end for api in self.apis.values())

    def recover(self) -> None:
        """Stops refusing valid messages. What was sent stays sent."""
        for api in self.apis.values():
            api.script.is_over = True

    def expire_limits(self) -> None:
        """Lets limits of rates expire."""
        for api in self.apis.values():
            api.clock.shift_time(api.window)

    @property
    def met_refusals(self) -> frozenset[int]:
        """The positions of the given refusals with which a service has answered."""
        met, before = set[int](), 0
        for name, given in self._given.items():
            met |= {before + position for position in self.apis[name].script.met}
            before += len(given.refuses)
        return frozenset(met)

    @property
    def names(self) -> list[str]:
        """The names of all services."""
        return list(self._makers)

    @cached_property
    def hosts(self) -> Mapping[str, str]:
        """The service at each host."""
        return find_installed_hosts() | {host: one.name for one in self.declared for host in one.hosts}

    @cached_property
    def _makers(self) -> Mapping[str, Callable[..., Api]]:
        """What makes each service, by its name."""
        return {**find_installed(), **{one.name: partial(Declared, one) for one in self.declared}}

    def _make(self, make: Callable[..., Api], given: ServiceGiven | None) -> Api:
        behaviour = given or _USUAL
        return make(api_keys=self.api_keys, script=Script(behaviour.refuses), options=behaviour.options)

    def shift_time(self, time: timedelta) -> None:
        """Lets time pass: what was sent moves into the past, also for rate limits."""
        for api in self.apis.values():
            api.shift_time(time)

    async def exchange(self, instance: str, service: str, request: Request, *, cron: str | None = None) -> Response:
        """Answers a call. The caller can be held before the service acts and before the answer.

        Raises:
            NoAnswer: a fault prevents an answer.
        """
        api = self.apis[service]
        text = f"{service} {request.method} {api.show_path(request.path)}"
        sends = api.sends(request)
        refusals = [one for one in api.refusals if sends or one in OF_EVERY_SERVICE]
        call = _Call(request.body)
        release = await self.gate.arrive(instance, Point("call", text, refusals=refusals, sends=sends), call)
        response = self._handle(release, service, request, cron)
        self.gate.record_footprint(Footprint({service: "write"}))
        if isinstance(response, NoAnswer):
            raise response
        await self.gate.arrive(release.instance, Point("answer", text), call)
        return response

    def _owners(self, tried: Attempt) -> frozenset[str] | None:
        known = [self.credentials[one] for one in tried.credentials if one is not None and one in self.credentials]
        return frozenset.intersection(*known) if known else None

    def _handle(self, release: Release, service: str, request: Request, cron: str | None) -> Response | NoAnswer:
        def log(tried: Attempt) -> None:
            message = Message(
                **vars(tried) | {"credentials": ()},
                number=len(self.messages) + 1,
                service=service,
                instance=release.instance,
                cron=cron,
                owners=self._owners(tried),
            )
            self.messages.append(message)

        api = self.apis[service]
        if release.fault in faulty.LOST_CALLS:
            return NoAnswer(hangs=release.fault == "timeout-before")
        if unknown := api.find_unknown(request):
            self.unknown_requests.append(unknown)
        fault = release.fault
        refusal = api.refuse(fault) if fault is not None and fault in api.refusals else None
        response = api.handle(request, log, refusal)
        return _lost(release.fault, response, api.refusal("unknown-error"))


def _lost(fault: FaultName | None, response: Response, error: Response) -> Response | NoAnswer:
    """Returns what arrives of a response under a fault."""
    match fault:
        case "timeout-after" | "reset-after":
            return NoAnswer(hangs=fault == "timeout-after")
        case "unknown-error-after":
            return error
        case "truncated":
            return replace(response, body=response.body[: len(response.body) // 2])
        case "not-json":
            return Response.of_html(response.status, "<!DOCTYPE html>\n<title>Please wait</title>\n")
        case _:
            return response
