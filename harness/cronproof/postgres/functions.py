"""The functions that a statement may call, and what they mean for its pieces."""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from cronproof.postgres import created_functions
from cronproof.postgres.created_functions import NOTHING_CREATED, find_created
from cronproof.postgres.instrumented import LISTENS, NOTIFIES, Function, calls_one, may_have_points, writes_first
from cronproof.postgres.proxy.arrival import Before

_WORD = re.compile(r"\w+")
_CREATES = re.compile(r"\b(create|alter)\b", re.IGNORECASE)
_HAS_CODE = re.compile(r"\bcreate\b[^;]*\b(function|procedure)\b|\bdo\b[^;]*[$']", re.IGNORECASE)
_DYNAMIC = re.compile(r"\bexecute\b(?!\s+(function|procedure)\b)")
"""The word of a statement that is made up from text, or was prepared before: it may call anything."""


class Functions:
    """The functions of an application. What a text may call is found by their names, so rather too many."""

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        """All have their points, until some turn out to be missing."""
        self.called_by = functools.lru_cache(maxsize=4096)(self._find_called)
        """Returns the functions that a statement may call, itself or through others."""
        self.have_points = False
        """Whether points have been put into functions and tables, so that later ones get theirs, too."""
        self.tables_have_points = True
        """Whether all tables have their points."""
        self.are_stale = False
        """Whether code of the application has created functions, or what calls them, that nobody has seen."""
        self.somebody_listens = False
        """Whether anybody has ever listened for notifications, as far as a word tells."""
        self.without_points: set[Function] = set()
        """The functions without the points that they should have."""
        self.read(functions)

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions)

    def read(self, functions: Iterable[Function]) -> None:
        """Replaces all that is known by these functions."""
        self.are_stale = False
        self.without_points.clear()
        self._know(functions)

    def note(self, statement: str) -> None:
        """Notes what a statement that is executed creates. The functions that it replaces count as well."""
        called = self.called_by(statement)
        self.somebody_listens |= LISTENS.search(statement) is not None or any(one.listens for one in called)
        created = find_created(statement) if _CREATES.search(statement) else NOTHING_CREATED
        executed = [*called, *(code.function for code in created.codes if code.is_block)] if created is not None else []
        if created is None or any(function.creates_unseen for function in executed):
            self.are_stale = True
            return
        made = [code for code in created.codes if not code.is_block and code.function not in self._functions]
        self.without_points.update(code.function for code in made if not code.has_place)
        unasked = [function for text in created.callers for function in self._mentioned_in(text)]
        if made or not all(function.is_called_implicitly for function in unasked):
            before = [replace(one, is_called_implicitly=one.is_called_implicitly or one in unasked) for one in self]
            self._know([*before, *(code.function for code in made)])

    def _know(self, functions: Iterable[Function]) -> None:
        self._functions = list(functions)
        self._names = frozenset(function.name for function in self._functions)
        self.called_by.cache_clear()

    def are_opaque(self, statement: str) -> bool:
        """Whether a statement's functions touch what no lock shows, as far as anybody knows."""
        return self.are_stale or any(function.is_opaque for function in self.called_by(statement))

    def notifies_somebody(self, statement: str) -> bool:
        """Whether a statement, or a function of it, notifies, and anybody has ever listened."""
        called = self.called_by(statement)
        return self.somebody_listens and (NOTIFIES.search(statement) is not None or any(one.notifies for one in called))

    def is_transparent(self, statement: str) -> bool:
        """Whether a point comes before everything that a statement's functions execute and that takes a snapshot."""
        called = self.called_by(statement)
        reads_unseen = any(function.reads_unseen for function in called)
        return (
            self.tables_have_points
            and self.without_points.isdisjoint(called)
            and all(one.is_transparent and not (reads_unseen and one.calls_unseen) for one in called)
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
        """Returns SQL with points in its blocks of code and in the functions that it creates, once others have theirs."""
        return (
            created_functions.put_points(statement) if self.have_points and _HAS_CODE.search(statement) else statement
        )

    def _find_called(self, statement: str) -> Sequence[Function]:
        called = [one for one in self._functions if one.is_called_implicitly]
        called += [one for one in self._mentioned_in(statement) if one not in called]
        for function in called:  # which grows meanwhile
            called += [one for one in self._mentioned_in(function.definition) if one not in called]
        return called

    def _mentioned_in(self, text: str) -> Sequence[Function]:
        lower = text.lower()
        words = set(_WORD.findall(lower))
        if _DYNAMIC.search(lower):
            return self._functions
        names = {one: one.name.lower() for one in self._functions}
        return [
            one
            for one, name in names.items()
            if (name in words if _WORD.fullmatch(name) else name.replace('"', '""') in lower)
        ]
