"""Keeps this process from reaching anything but this machine and its Postgres while an application runs in it.

Calls by httpx are answered before they get here (`services/in_process.py`). Whatever else connects, or looks a name up, is
refused and noted. Python tells of both by audit events; uvloop, which connects by itself, is asked before.
"""

import asyncio
import contextlib
import ipaddress
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import uvloop

from cronproof.services.smtp import PORTS

_LOCAL = frozenset({"localhost", "", None})
_INSTALLED: list[bool] = []


@dataclass(frozen=True)
class _Confinement:
    refused: Callable[[str], None]
    hosts: Collection[str]


_CONFINEMENTS: list[_Confinement] = []
"""Those in force. The last one counts."""


@contextlib.contextmanager
def confined(refused: Callable[[str], None], hosts: Collection[str] = ()) -> Iterator[None]:
    """Refuses connections to other machines but `hosts` while the block runs. `refused` is called with the address of
    each.
    """
    if not _INSTALLED:
        _INSTALLED.append(True)
        sys.addaudithook(_audit)  # it stays as long as the process
    connect = uvloop.Loop.create_connection

    async def create_connection(loop: Any, factory: Any, host: Any = None, port: Any = None, **others: Any) -> Any:
        _refuse_elsewhere(host, port)
        return await connect(loop, factory, host, port, **others)

    confinement = _Confinement(refused, hosts)
    _CONFINEMENTS.append(confinement)
    try:
        with mock.patch.object(uvloop.Loop, "create_connection", create_connection):
            yield
    finally:
        _CONFINEMENTS.remove(confinement)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuses what leaves: https://docs.python.org/3/library/audit_events.html."""
    if not _CONFINEMENTS:
        return
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        _refuse_elsewhere(*arguments[1][:2])
        _refuse_to_block(*arguments[1][:2])
    elif event == "socket.getaddrinfo":
        _refuse_elsewhere(*arguments[:2])


def _refuse_elsewhere(host: Any, port: Any) -> None:
    if not _CONFINEMENTS or _is_here(host):
        return
    confinement = _CONFINEMENTS[-1]
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    if name in confinement.hosts:
        return
    confinement.refused(f"tcp://{name}:{port}")
    raise ConnectionRefusedError(f"{name} cannot be reached from here")


def _refuse_to_block(host: str, port: int) -> None:
    """Refuses a client that is not asynchronous where the server is in the same event loop: both would wait for ever."""
    if port in PORTS and asyncio._get_running_loop() is not None:  # noqa: SLF001  (the other way raises an error)
        _CONFINEMENTS[-1].refused(f"tcp://{host}:{port}")
        raise ConnectionRefusedError("the mail server cannot be reached from here by a client that is not asynchronous")


def _is_here(host: Any) -> bool:
    text = host.decode(errors="replace") if isinstance(host, bytes) else host
    if text in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(str(text).partition("%")[0]).is_loopback
    except ValueError:
        return False
