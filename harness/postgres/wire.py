"""The framing of the Postgres protocol, version 3, as far as a proxy needs it.

Message formats: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field

SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102
REFUSED = b"N"
MAX_STARTUP_BYTES = 10_000  # as the server's MAX_STARTUP_PACKET_LENGTH

# What ends a batch that a client expects an answer to: Query, FunctionCall, Sync, Flush.
ENDS_BATCH = frozenset(b"QFSH")
# What the server answers with ReadyForQuery.
AWAITS_READY = frozenset(b"QFS")
# Sent during COPY, the login, or to hang up: never the beginning of a statement.
NOT_PART_OF_A_BATCH = frozenset(b"dcfpX")


class ProtocolError(Exception):
    """The client does not speak the Postgres protocol."""


@dataclass(frozen=True)
class Startup:
    """The first packet of a connection: a request for encryption, a cancel request, or the real start."""

    code: int
    packet: bytes


async def read_startup(reader: asyncio.StreamReader) -> Startup:
    """The next untyped packet.

    Raises:
        ProtocolError: its length cannot be right.
        asyncio.IncompleteReadError: the client hung up.
    """
    header = await reader.readexactly(8)
    length, code = struct.unpack("!II", header)
    if not 8 <= length <= MAX_STARTUP_BYTES:
        raise ProtocolError(f"a first packet of {length} bytes")
    return Startup(code, header + await reader.readexactly(length - 8))


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """The next typed message, whole: type, length, body.

    Raises:
        ProtocolError: its length cannot be right.
        asyncio.IncompleteReadError: the peer hung up.
    """
    header = await reader.readexactly(5)
    (length,) = struct.unpack_from("!I", header, 1)
    if length < 4:
        raise ProtocolError(f"a message of {length} bytes")
    return header + await reader.readexactly(length - 4) if length > 4 else header


@dataclass
class Statements:
    """Which SQL the messages of one client stand for. Extended protocol names it once and executes it later."""

    _prepared: dict[bytes, str] = field(default_factory=dict)
    _portals: dict[bytes, str] = field(default_factory=dict)

    def executed_by(self, message: bytes) -> str | None:
        """The SQL that this message executes; None for one that executes nothing."""
        body = memoryview(message)[5:]
        match message[0:1]:
            case b"Q":
                return _text(_cstring(body)[0])
            case b"F":
                return "function call"
            case b"P":
                name, rest = _cstring(body)
                self._prepared[name] = _text(_cstring(rest)[0])
            case b"B":
                portal, rest = _cstring(body)
                self._portals[portal] = self._prepared.get(_cstring(rest)[0], "")
            case b"E":
                return self._portals.get(_cstring(body)[0], "")
            case _:
                pass
        return None


def backend_pid(message: bytes) -> int:
    """The server process that BackendKeyData names."""
    (pid,) = struct.unpack_from("!I", message, 5)
    return int(pid)


def error_fields(message: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse by their letter: C is the SQLSTATE, M the message.

    https://www.postgresql.org/docs/current/protocol-error-fields.html
    """
    fields = (part for part in message[5:].split(b"\0") if part)
    return {chr(part[0]): part[1:].decode(errors="replace") for part in fields}


def _cstring(body: memoryview) -> tuple[bytes, memoryview]:
    text, _, _ = bytes(body).partition(b"\0")
    return text, body[len(text) + 1 :]


def _text(sql: bytes) -> str:
    return sql.decode(errors="replace")
