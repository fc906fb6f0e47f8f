"""The framing of the Postgres protocol, version 3, as far as a proxy needs it.

Message formats: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102
REFUSED = b"N"
ACCEPTED = b"S"
MAX_STARTUP_BYTES = 10_000  # as the server's MAX_STARTUP_PACKET_LENGTH

# Messages that end a batch: Query, FunctionCall, Sync, Flush.
ENDS_BATCH = frozenset(b"QFSH")
# Those that the server answers with ReadyForQuery.
AWAITS_READY = frozenset(b"QFS")
FLUSH = b"H\0\0\0\4"
SYNC = b"S\0\0\0\4"
# Sent during COPY, login or disconnection: never the beginning of a statement.
NOT_PART_OF_A_BATCH = frozenset(b"dcfpX")


class ProtocolError(Exception):
    """The client does not speak the Postgres protocol."""


@dataclass(frozen=True)
class Startup:
    """The first packet of a connection: a request for encryption, a cancel request, or the real start."""

    code: int
    packet: bytes


def take_startup(buffer: bytearray) -> Startup | None:
    """Takes the startup packet from the buffer; returns None while it is incomplete.

    Raises:
        ProtocolError: its length cannot be right.
    """
    if len(buffer) < 8:
        return None
    length, code = struct.unpack_from("!II", buffer)
    if not 8 <= length <= MAX_STARTUP_BYTES:
        raise ProtocolError(f"a first packet of {length} bytes")
    if len(buffer) < length:
        return None
    packet = bytes(buffer[:length])
    del buffer[:length]
    return Startup(code, packet)


def as_login(startup: Startup, user: str, database: str) -> Startup:
    """Returns the startup packet with another user and database."""
    words = startup.packet[8:].rstrip(b"\0").split(b"\0")
    parameters = dict(zip(words[::2], words[1::2], strict=False)) | {
        b"user": user.encode(),
        b"database": database.encode(),
    }
    body = b"".join(name + b"\0" + value + b"\0" for name, value in parameters.items()) + b"\0"
    return Startup(startup.code, struct.pack("!II", len(body) + 8, startup.code) + body)


def take_messages(buffer: bytearray) -> list[bytes]:
    """Takes the complete messages from the buffer, each with its type and length.

    Raises:
        ProtocolError: a length cannot be right.
    """
    messages, start = [], 0
    while len(buffer) - start >= 5:
        (length,) = struct.unpack_from("!I", buffer, start + 1)
        if length < 4:
            raise ProtocolError(f"a message of {length} bytes")
        end = start + 1 + length
        if end > len(buffer):
            break
        messages.append(bytes(buffer[start:end]))
        start = end
    del buffer[:start]
    return messages


@dataclass(frozen=True)
class Parameter:
    """A parameter's value. `data` is None for NULL. If `type_oid` is 0, the server infers it."""

    data: bytes | None
    is_binary: bool
    type_oid: int


@dataclass(frozen=True)
class Execution:
    """SQL that is executed, with its parameters: their types from Parse, their values from Bind."""

    sql: str
    types: bytes = b""
    values: bytes = b""

    def parameter(self, number: int) -> Parameter:
        """Returns a parameter by its number, from 1.

        Raises:
            ValueError: there is none.
        """
        try:
            formats, start = _int16s(self.values, 0)
            (count,) = struct.unpack_from("!H", self.values, start)
            start += 2
            for position in range(count):
                (length,) = struct.unpack_from("!i", self.values, start)
                start += 4
                if position == number - 1:
                    data = None if length < 0 else self.values[start : start + length]
                    # There can be no formats, one for all parameters, or one for each.
                    format_code = formats[position] if len(formats) > 1 else (formats or [0])[0]
                    return Parameter(data, format_code == 1, self._type(position))
                start += max(length, 0)
        except (struct.error, IndexError):
            pass
        raise ValueError(f"there is no parameter {number}")

    def _type(self, position: int) -> int:
        (count,) = struct.unpack_from("!H", self.types)
        return int(struct.unpack_from("!I", self.types, 2 + 4 * position)[0]) if position < count else 0


@dataclass
class Statements:
    """Finds the SQL that a client's messages execute. The extended protocol prepares it earlier."""

    _prepared: dict[bytes, Execution] = field(default_factory=dict)
    _portals: dict[bytes, Execution] = field(default_factory=dict)

    def executed_by(self, message: bytes) -> Execution | None:
        """Returns what a message executes; None if nothing."""
        body = memoryview(message)[5:]
        match message[0:1]:
            case b"Q":
                return Execution(_text(_cstring(body)[0]))
            case b"F":
                return Execution("function call")
            case b"P":
                name, rest = _cstring(body)
                sql, types = _cstring(rest)
                self._prepared[name] = Execution(_text(sql), bytes(types))
            case b"B":
                portal, rest = _cstring(body)
                name, values = _cstring(rest)
                self._portals[portal] = replace(self._prepared.get(name, Execution("")), values=bytes(values))
            case b"E":
                return self._portals.get(_cstring(body)[0], Execution(""))
            case _:
                pass
        return None


def query(sql: str) -> bytes:
    """Builds a simple query message."""
    body = sql.encode() + b"\0"
    return b"Q" + struct.pack("!I", len(body) + 4) + body


def with_text(message: bytes, change: Callable[[str], str]) -> bytes:
    """Returns a message in which the text of its SQL, if it has one, is changed."""
    start = {ord("Q"): 5, ord("P"): message.find(b"\0", 5) + 1}.get(message[0])
    if start is None:
        return message
    end = message.index(b"\0", start)
    sql = message[start:end].decode(errors="surrogateescape")
    if (changed := change(sql)) == sql:
        return message
    body = message[5:start] + changed.encode(errors="surrogateescape") + message[end:]
    return message[0:1] + struct.pack("!I", len(body) + 4) + body


def as_extended(query: bytes) -> bytes:
    """Rewrites a simple query in the extended protocol, without the Sync that ends it."""
    parse = b"\0" + query[5:] + b"\0\0"
    messages = ((b"P", parse), (b"B", b"\0\0" + b"\0\0" * 3), (b"D", b"P\0"), (b"E", b"\0" + b"\0" * 4))
    return b"".join(kind + struct.pack("!I", len(body) + 4) + body for kind, body in messages)


def command_tag(message: bytes) -> str:
    """Returns the tag of a CommandComplete, such as `UPDATE 1`."""
    return message[5:-1].decode(errors="replace")


def backend_pid(message: bytes) -> int:
    """Returns the server process that BackendKeyData names.

    Raises:
        ProtocolError: it is cut short.
    """
    if len(message) < 9:
        raise ProtocolError(f"a BackendKeyData of {len(message)} bytes")
    (pid,) = struct.unpack_from("!I", message, 5)
    return int(pid)


def error_fields(message: bytes) -> dict[str, str]:
    """Returns the fields of an ErrorResponse by letter: C is the SQLSTATE, M the message.

    https://www.postgresql.org/docs/current/protocol-error-fields.html
    """
    fields = (part for part in message[5:].split(b"\0") if part)
    return {chr(part[0]): part[1:].decode(errors="replace") for part in fields}


def _cstring(body: memoryview) -> tuple[bytes, memoryview]:
    text, _, _ = bytes(body).partition(b"\0")
    return text, body[len(text) + 1 :]


def _int16s(data: bytes, start: int) -> tuple[list[int], int]:
    """Reads 16-bit numbers that follow their count; returns them and where they end."""
    (count,) = struct.unpack_from("!H", data, start)
    end = start + 2 + 2 * count
    return list(struct.unpack_from(f"!{count}H", data, start + 2)), end


def _text(sql: bytes) -> str:
    return sql.decode(errors="replace")
