"""The functions that a statement may call, and what they mean for its pieces."""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence

from cronproof.postgres.instrumented import Function, calls_one, instrument_block, may_have_points, writes_first
from cronproof.postgres.proxy.arrival import Before

_WORD = re.compile(r"\w+")
_MAKES_FUNCTIONS = re.compile(
    r"\b(create|alter)\b[^;]*\b(function|procedure|trigger|view|rule|policy|aggregate|operator|cast|domain)\b",
    re.IGNORECASE,
)
_DYNAMIC = "execute"
"""The word of a statement that is made up from text, or was prepared before: it may call anything."""


class Functions:
    """The functions of an application. What a text may call is found by their names, so rather too many."""

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        """All have their points, until some turn out to be missing."""
        self._functions = list(functions)
        self._names = frozenset(function.name for function in self._functions)
        self.called_by = functools.lru_cache(maxsize=4096)(self._find_called)
        """Returns the functions that a statement may call, itself or through others."""
        self.tables_have_points = True
        """Whether all tables have their points."""
        self.are_stale = False
        """Whether the application may have made others, or has them called by a trigger, a view or the like."""
        self.without_points: set[Function] = set()
        """The functions without the points that they should have."""

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions)

    def note(self, statement: str) -> None:
        """Notes a statement that is executed. After one that makes functions, nothing is known of any."""
        self.are_stale |= _MAKES_FUNCTIONS.search(statement) is not None

    def are_opaque(self, statement: str) -> bool:
        """Whether a statement's functions touch what no lock shows, as far as anybody knows."""
        return self.are_stale or any(function.is_opaque for function in self.called_by(statement))

    def is_transparent(self, statement: str) -> bool:
        """Whether a point comes before everything that a statement's functions execute and that takes a snapshot."""
        called = self.called_by(statement)
        return (
            self.tables_have_points
            and self.without_points.isdisjoint(called)
            and all(function.is_transparent for function in called)
        )

    def reads_unseen(self, statement: str) -> bool:
        """Whether a statement's functions may read tables by an earlier snapshot than where their locks show."""
        return any(function.reads_unseen for function in self.called_by(statement))

    def begin_of(self, statement: str) -> Before:
        """Returns where a statement begins: whether it does nothing before the point of its first write."""
        called = calls_one(statement, self._names)
        if called is None:
            return "write" if writes_first(statement) else "start"
        return "write" if all(one.writes_first for one in self._functions if one.name == called) else "start"

    def has_points(self, statement: str) -> bool:
        """Whether there can be points inside a statement."""
        return may_have_points(statement, self._names)

    def put_points(self, statement: str) -> str:
        """Returns a DO block with points between its statements, and other statements as they are."""
        return instrument_block(statement)

    def _find_called(self, statement: str) -> Sequence[Function]:
        called = [one for one in self._functions if one.is_called_implicitly]
        called += [one for one in self._mentioned_in(statement) if one not in called]
        for function in called:  # which grows meanwhile
            called += [one for one in self._mentioned_in(function.definition) if one not in called]
        return called

    def _mentioned_in(self, text: str) -> Sequence[Function]:
        lower = text.lower()
        words = set(_WORD.findall(lower))
        if _DYNAMIC in words:
            return self._functions
        names = {one: one.name.lower() for one in self._functions}
        return [
            one
            for one, name in names.items()
            if (name in words if _WORD.fullmatch(name) else name.replace('"', '""') in lower)
        ]
