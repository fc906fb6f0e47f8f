"""Reads the text of files that a user gives."""

import codecs
from pathlib import Path

from cronproof.errors import InvalidFile, Mistake


def decode(file: Path, content: bytes) -> str:
    """Decodes the content of a file, with or without a byte order mark.

    Raises:
        InvalidFile: it is not UTF-8 at the given place.
    """
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise InvalidFile([Mistake(file, line, column, "not UTF-8")]) from None
