"""Keeps this process from reaching anything but this machine while an application runs in it.

Calls by httpx are answered before they get here (`services/in_process.py`). Whatever else connects, or looks a name up, is
refused and noted. Python tells of both by audit events; uvloop, which connects by itself, is asked before.
"""

import contextlib
import ipaddress
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import uvloop

_LOCAL = frozenset({"localhost", "", None})
_REFUSERS: list[Callable[[str], None]] = []
"""Whom to tell of what is refused, while anything is. The last one is told."""
_INSTALLED: list[bool] = []


@contextlib.contextmanager
def confined(refused: Callable[[str], None]) -> Iterator[None]:
    """Refuses connections to other machines while the block runs. `refused` is called with the address of each."""
    if not _INSTALLED:
        _INSTALLED.append(True)
        sys.addaudithook(_audit)  # it stays as long as the process
    connect = uvloop.Loop.create_connection

    async def create_connection(loop: Any, factory: Any, host: Any = None, port: Any = None, **others: Any) -> Any:
        _refuse_elsewhere(host, port)
        return await connect(loop, factory, host, port, **others)

    _REFUSERS.append(refused)
    try:
        with mock.patch.object(uvloop.Loop, "create_connection", create_connection):
            yield
    finally:
        _REFUSERS.remove(refused)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuses what leaves: https://docs.python.org/3/library/audit_events.html."""
    if not _REFUSERS:
        return
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        _refuse_elsewhere(*arguments[1][:2])
    elif event == "socket.getaddrinfo":
        _refuse_elsewhere(*arguments[:2])


def _refuse_elsewhere(host: Any, port: Any) -> None:
    if not _REFUSERS or _is_here(host):
        return
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    _REFUSERS[-1](f"tcp://{name}:{port}")
    raise ConnectionRefusedError(f"{name} cannot be reached from here")


def _is_here(host: Any) -> bool:
    text = host.decode(errors="replace") if isinstance(host, bytes) else host
    if text in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(str(text).partition("%")[0]).is_loopback
    except ValueError:
        return False
