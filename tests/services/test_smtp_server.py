"""The mail server on a real socket, with a client that others keep."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import aiosmtplib
import pytest

from cronproof.gate.fault import FaultName
from cronproof.gate.gate import Channel, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.services import smtp_server
from cronproof.services.services import Services
from cronproof.services.smtp_server import serving_mail
from cronproof.standins.authority import Authority
from tests.support.services import HOSTS
from tests.support.waiting import DEADLINE_SECONDS


@dataclass
class Gate(OpenGate):
    """Injects a fault into every mail, and remembers the points."""

    fault: FaultName | None = None

    def __post_init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
        self.seen.append((instance, point.kind, point.text))
        return Release(instance, self.fault if point.kind == "call" else None)


@asynccontextmanager
async def connected(services: Services, tls: ssl.SSLContext | None = None) -> AsyncIterator[aiosmtplib.SMTP]:
    """A client of instance B."""
    async with serving_mail("B", services, tls=tls) as port:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=port, start_tls=tls is not None, validate_certs=False, timeout=DEADLINE_SECONDS
        )
        await client.connect()
        try:
            yield client
        finally:
            client.close()


def letter() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", "ada@example.com", "Your order"
    mail.set_content("It is on its way.\n.\nBye")
    return mail


def test_a_mail_is_a_message_of_its_instance_and_held_before_and_after_it_is_accepted() -> None:
    services, gate = Services(frozenset()), Gate()
    services.gate = gate

    async def main() -> None:
        async with connected(services) as client:
            await client.login("shop", "secret")
            await client.send_message(letter())
            await client.send_message(letter())

    asyncio.run(main())
    assert gate.seen == [("B", "call", "smtp DATA mail"), ("B", "answer", "smtp DATA mail")] * 2
    assert [(one.instance, one.to, one.content, one.more["subject"]) for one in services.messages] == [
        ("B", "ada@example.com", "It is on its way.\r\n.\r\nBye", "Your order")
    ] * 2


def test_it_speaks_tls_where_there_is_a_certificate(tmp_path: Path) -> None:
    services = Services(frozenset())

    async def main() -> bool:
        async with connected(services, Authority.made(tmp_path, HOSTS).context()) as client:
            await client.send_message(letter())
            return client.get_transport_info("sslcontext") is not None

    assert asyncio.run(main())
    assert len(services.messages) == 1


@pytest.mark.parametrize(
    ("fault", "accepted", "raised"),
    [
        ("rate-limited", 0, aiosmtplib.SMTPDataError),
        ("bad-gateway", 0, aiosmtplib.SMTPDataError),
        ("timeout-before", 0, aiosmtplib.SMTPServerDisconnected),
        ("timeout-after", 1, aiosmtplib.SMTPServerDisconnected),
        ("reset-before", 0, aiosmtplib.SMTPServerDisconnected),
        ("reset-after", 1, aiosmtplib.SMTPServerDisconnected),
        ("unknown-error-after", 1, aiosmtplib.SMTPDataError),
        ("truncated", 1, aiosmtplib.SMTPServerDisconnected),
        ("not-json", 1, aiosmtplib.SMTPException),
    ],
)
def test_what_a_client_sees_of_a_fault(
    fault: FaultName, accepted: int, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_server, "SILENCE_SECONDS", 0.01)
    services = Services(frozenset(), gate=Gate(fault=fault))

    async def main() -> None:
        async with connected(services) as client:
            with pytest.raises(raised):
                await client.send_message(letter())

    asyncio.run(main())
    assert sum(one.accepted for one in services.messages) == accepted


def test_nobody_waits_for_a_mail_that_is_not_let_in() -> None:
    """What is held when the server closes is given up."""
    services = Services(frozenset())

    async def main() -> None:
        came = asyncio.Event()

        class Closed(asyncio.Event):
            async def wait(self) -> Literal[True]:
                came.set()
                return await super().wait()

        async with serving_mail("A", services, opened=Closed()) as port:
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=DEADLINE_SECONDS)
            await client.connect()
            sending = asyncio.create_task(client.send_message(letter()))
            await came.wait()
        with pytest.raises(aiosmtplib.SMTPException):
            await sending

    asyncio.run(main())
    assert services.messages == []
