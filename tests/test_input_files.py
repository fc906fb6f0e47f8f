"""The text of files that a user gives."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronproof.errors import InvalidFile
from cronproof.input_files import decode

FILE = Path("f.sql")


@given(st.text())
def test_what_is_utf_8_is_decoded(text: str) -> None:
    assert decode(FILE, text.encode("utf-8-sig")) == text


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"\xff", "1:1"), (b"select 1;\n-- \xff\n", "2:4"), ("\ufeffé\n".encode() + b"\xff", "2:1"), ("é".encode() + b"\xff", "1:2")],
)  # fmt: skip
def test_what_is_not_has_its_place(content: bytes, place: str) -> None:
    with pytest.raises(InvalidFile, match=f"^f.sql:{place}: not UTF-8$"):
        decode(FILE, content)
