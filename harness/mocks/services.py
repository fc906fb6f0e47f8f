"""The three services behind one door: who calls, the points at which the caller can be held, the log of messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.explore.footprint import Footprint
from harness.explore.point import Gate, OpenGate, Point
from harness.mocks.exchange import Message, Request, Response, ServiceName, Tried
from harness.mocks.ghl import GoHighLevel
from harness.mocks.openphone import OpenPhone, Scripted
from harness.mocks.openphone_errors import Envelope
from harness.mocks.telegram import Telegram


@dataclass(frozen=True)
class Escape:
    """An instance called a host that is no mock. The call was refused."""

    instance: str
    url: str


@dataclass(eq=False)
class _Call:
    """A call, from its first point to its second. It is held, or it is over: it is never busy."""

    content: bytes
    is_busy = False
    goes_on = False


@dataclass
class Services:
    """The mocked APIs of one run. `messages` has every message that was tried, refused ones too."""

    api_keys: frozenset[str]
    gate: Gate = field(default_factory=OpenGate)
    messages: list[Message] = field(default_factory=list)
    escapes: list[Escape] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self, scripted: Sequence[Scripted] = (), envelope: Envelope = "flat") -> None:
        """Forgets everything and answers as scripted from now on."""
        self.openphone = OpenPhone(self.api_keys, scripted=scripted, envelope=envelope)
        self.telegram = Telegram()
        self.ghl = GoHighLevel()
        self.messages, self.escapes = [], []

    def recover(self) -> None:
        """From now on nothing is refused that is valid; what was sent stays sent."""
        self.openphone.scripted = ()

    @property
    def accepted(self) -> int:
        """How many messages were accepted so far."""
        return sum(message.accepted for message in self.messages)

    async def exchange(
        self, instance: str, service: ServiceName, request: Request, *, cron: str | None = None
    ) -> Response:
        """Answers a call of `instance`, which can be held before the service acts and again before it hears of it."""
        text = f"{service} {request.method} {request.path}"
        if service == "telegram":  # the path holds the bot's token
            text = f"{service} {request.method} {request.path.rpartition('/')[2]}"
        call = _Call(request.body)
        instance = await self.gate.arrive(instance, Point("call", text), call)
        response = self._handle(instance, service, request, cron)
        self.gate.touched(Footprint({service: "write"}))
        await self.gate.arrive(instance, Point("answer", text), call)
        return response

    def _handle(self, instance: str, service: ServiceName, request: Request, cron: str | None) -> Response:
        def log(tried: Tried) -> None:
            number = len(self.messages) + 1
            self.messages.append(Message(**vars(tried), number=number, service=service, instance=instance, cron=cron))

        match service:
            case "openphone":
                return self.openphone.handle(request, log)
            case "telegram":
                return self.telegram.handle(request, log)
            case "ghl":
                return self.ghl.handle(request, log)
