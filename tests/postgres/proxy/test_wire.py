"""The framing of the Postgres protocol."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronproof.postgres.proxy import wire


def message(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


@given(st.lists(st.tuples(st.sampled_from("QPBESHdcZTD"), st.binary(max_size=50)), max_size=10))
def test_messages_come_out_as_they_went_in(messages: list[tuple[str, bytes]]) -> None:
    framed = [message(kind, body) for kind, body in messages]

    assert wire.take_messages(bytearray(b"".join(framed))) == framed


def test_a_cut_message_is_no_message_yet() -> None:
    buffer = bytearray(message("Z", b"I") + message("Q", b"select 1\0")[:-1])

    assert wire.take_messages(buffer) == [message("Z", b"I")]
    buffer += b"\0"
    assert wire.take_messages(buffer) == [message("Q", b"select 1\0")]
    assert not buffer


def test_a_length_that_cannot_be_is_refused() -> None:
    with pytest.raises(wire.ProtocolError, match="a message of 3 bytes"):
        wire.take_messages(bytearray(b"Q\x00\x00\x00\x03"))


def test_a_key_that_is_cut_short_is_refused() -> None:
    with pytest.raises(wire.ProtocolError, match="a BackendKeyData of 7 bytes"):
        wire.backend_pid(b"K\x00\x00\x00\x06\x00\x01")


@given(st.binary(max_size=64))
def test_any_first_packet_is_read_awaited_or_refused(data: bytes) -> None:
    try:
        startup = wire.take_startup(bytearray(data))
    except wire.ProtocolError:
        return
    if startup is None:
        return
    assert data.startswith(startup.packet)


def test_a_simple_query_executes_its_text() -> None:
    assert wire.Statements().executed_by(message("Q", b"select 1\0")) == wire.Execution("select 1")


def test_an_execute_stands_for_the_statement_that_was_parsed_and_bound() -> None:
    statements = wire.Statements()

    assert statements.executed_by(message("P", b"s1\0select $1\0\0\0")) is None
    assert statements.executed_by(message("B", b"p1\0s1\0\0\0\0\0\0\0")) is None
    assert statements.executed_by(message("D", b"Pp1\0")) is None
    executed = statements.executed_by(message("E", b"p1\0\0\0\0\0"))
    assert executed is not None
    assert executed.sql == "select $1"
    assert statements.executed_by(message("S")) is None


def test_a_named_statement_is_remembered_beyond_the_unnamed_one() -> None:
    statements = wire.Statements()
    for body in (b"s1\0select 1\0\0\0", b"\0select 2\0\0\0"):
        statements.executed_by(message("P", body))

    statements.executed_by(message("B", b"\0s1\0\0\0\0\0\0\0"))

    executed = statements.executed_by(message("E", b"\0\0\0\0\0"))
    assert executed is not None
    assert executed.sql == "select 1"


@pytest.mark.parametrize(
    ("formats", "expected"), [([], [False] * 3), ([1], [True] * 3), ([0, 1, 0], [False, True, False])]
)
def test_parameters_are_read_with_their_formats_and_types(formats: list[int], expected: list[bool]) -> None:
    statements = wire.Statements()
    statements.executed_by(message("P", b"\0select $1, $2, $3\0" + struct.pack("!HII", 2, 23, 25)))
    values = b"".join(struct.pack("!i", len(value)) + value for value in (b"7", b"ab"))
    bind = struct.pack(f"!H{len(formats)}H", len(formats), *formats) + struct.pack("!H", 3) + values + b"\xff" * 4
    statements.executed_by(message("B", b"\0\0" + bind))

    executed = statements.executed_by(message("E", b"\0\0\0\0\0"))

    assert executed is not None
    parameters = [executed.parameter(number) for number in (1, 2, 3)]
    assert [parameter.data for parameter in parameters] == [b"7", b"ab", None]
    assert [parameter.is_binary for parameter in parameters] == expected
    assert [parameter.type_oid for parameter in parameters] == [23, 25, 0]
    with pytest.raises(ValueError, match="^there is no parameter 4$"):
        executed.parameter(4)


def test_error_fields_are_read_by_their_letter() -> None:
    fields = wire.error_fields(message("E", b"SERROR\0C40P01\0Mdeadlock detected\0\0"))

    assert (fields["C"], fields["M"]) == ("40P01", "deadlock detected")


def test_the_text_of_a_statement_can_be_changed_and_nothing_else() -> None:
    parse = b"P" + struct.pack("!I", 4 + 2 + 9 + 6) + b"n\0" + b"select 1\0" + b"\0\1\0\0\0\x17"

    assert wire.with_text(wire.query("select 1"), str.upper) == wire.query("SELECT 1")
    assert wire.with_text(parse, str.upper) == parse.replace(b"select", b"SELECT")
    assert wire.with_text(wire.query("begin"), lambda sql: f"{sql}; end") == wire.query("begin; end")
    assert wire.with_text(wire.SYNC, str.upper) == wire.SYNC
