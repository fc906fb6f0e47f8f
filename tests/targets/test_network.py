"""Nothing leaves this process while an application runs in it."""

import asyncio
import socket
import urllib.request

import pytest
import uvloop

from cronproof.targets.network import confined

AWAY = "192.0.2.1"  # https://www.rfc-editor.org/rfc/rfc5737: leads nowhere


def test_connections_and_names_elsewhere_are_refused_and_noted() -> None:
    refused: list[str] = []

    with confined(refused.append):
        with pytest.raises(ConnectionRefusedError, match="192.0.2.1 cannot be reached from here"):
            socket.create_connection((AWAY, 80), timeout=0.1)
        with pytest.raises(OSError, match="api.example.com cannot be reached from here"):
            urllib.request.urlopen("http://api.example.com/", timeout=0.1)

    assert refused == ["tcp://192.0.2.1:80", "tcp://api.example.com:80"]


def test_uvloop_is_asked_before_it_connects() -> None:
    refused: list[str] = []

    async def main() -> None:
        with confined(refused.append), pytest.raises(ConnectionRefusedError):
            await asyncio.get_running_loop().create_connection(asyncio.Protocol, AWAY, 443)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

    assert refused == ["tcp://192.0.2.1:443"]


def test_this_machine_can_be_reached_and_afterwards_everybody() -> None:
    refused: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        with confined(refused.append):
            socket.create_connection(("localhost", server.getsockname()[1]), timeout=1).close()
        assert refused == []
    with pytest.raises(OSError, match="timed out|unreachable|refused"):
        socket.create_connection((AWAY, 80), timeout=0.001)
    assert refused == []


def test_the_machine_of_the_database_can_be_reached() -> None:
    refused: list[str] = []
    with (
        confined(refused.append, hosts={AWAY}),
        pytest.raises(OSError, match="timed out|unreachable|refused"),
    ):
        socket.create_connection((AWAY, 80), timeout=0.001)
    assert refused == []
