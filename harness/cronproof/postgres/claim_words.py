"""Finds the word by which a statement works on units of work: the name of their table, or of a function that does."""

import functools
import re
from collections.abc import Iterable

from cronproof.gate.point import without_comments
from cronproof.postgres.functions import Functions


class ClaimWords:
    """The words of an application. Only statements that it has executed are remembered."""

    def __init__(self, tables: Iterable[str], functions: Functions) -> None:
        """Takes the tables of units by their names, without a schema."""
        names = "|".join(map(re.escape, sorted(set(tables))))
        self._table = re.compile(rf"\b({names})\b", re.IGNORECASE) if names else None
        self._functions = functions
        self.find = functools.lru_cache(maxsize=4096)(self._find)
        """Returns the word of a statement; None if it does not work on units, as far as its text tells."""

    def _find(self, statement: str) -> str | None:
        if self._table is None:
            return None
        text = without_comments(statement)
        if named := self._table.search(text):
            return named.group()
        called = self._functions.called_by(text)
        if not any(self._table.search(function.source or function.definition) for function in called):
            return None
        return next((one.name for one in called if re.search(rf"\b{re.escape(one.name)}\b", text, re.IGNORECASE)), None)
