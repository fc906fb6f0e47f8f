"""The certificate authority of one run."""

import asyncio
import ssl
from pathlib import Path

import pytest

from cronproof.standins.authority import Authority
from tests.support.services import HOSTS


async def greeted(server: Authority, trusts: Authority, name: str) -> bytes:
    """What a client hears that trusts only one authority, and takes the server for `name`."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server.context())
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        trusting = ssl.create_default_context(cafile=trusts.bundle)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
        try:
            return await reader.read()
        finally:
            writer.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path, HOSTS)


@pytest.mark.parametrize("name", ["api.openphone.com", "abcdef.supabase.co", "localhost"])
def test_who_trusts_it_takes_stand_ins_for_the_hosts(name: str, authority: Authority) -> None:
    assert asyncio.run(greeted(authority, authority, name)) == b"hello"


def test_no_other_host_is_certified(authority: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        asyncio.run(greeted(authority, authority, "example.com"))


def test_the_authority_of_another_run_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(greeted(authority, Authority.made(tmp_path / "other", HOSTS), "localhost"))
