"""The functions that a statement may call, and what they mean for its pieces."""

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from cronproof.postgres import created_functions
from cronproof.postgres.created_functions import Created, find_created
from cronproof.postgres.instrumented import (
    CREATES_CALLERS,
    DYNAMIC,
    LISTENS,
    NOTIFIES,
    Function,
    calls_one,
    may_have_points,
    writes_first,
)
from cronproof.postgres.proxy.arrival import Before

MOST_VERSIONS = 8
"""How many versions of a function are told apart."""
MOST_NOTED = 4096
_WORD = re.compile(r"\w+")
_CREATES = re.compile(r"\b(create|alter)\b", re.IGNORECASE)
_HAS_CODE = re.compile(r"\bcreate\b.*\b(function|procedure)\b|\bdo\b.*\$\w*\$", re.IGNORECASE | re.DOTALL)
_KEEPS_CALLS = re.compile(r"\b(default|check|generated|index)\b", re.IGNORECASE)


class Functions:
    """The functions of an application. What a text may call is found by their names, so rather too many."""

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        """All have their points, until some turn out to be missing."""
        self.called_by = functools.lru_cache(maxsize=4096)(self._find_called)
        """Returns the functions that a statement may call, itself or through others."""
        self.notifies = functools.lru_cache(maxsize=4096)(self._notifies)
        """Whether a statement, or a function of it, notifies whoever listens."""
        self._noted = set[str]()
        """The statements noted since the functions were known: to note one again changes nothing."""
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

    def read(self, functions: Iterable[Function], of_extensions: Collection[str] = ()) -> None:
        """Knows these functions, and no others, from now on. Of extensions it knows the names of theirs."""
        self.are_stale = False
        self.without_points.clear()
        self._of_extensions = frozenset(of_extensions)
        self._know(functions)

    def note(self, statement: str) -> None:
        """Notes what a statement that is executed creates, and whether it listens.

        Earlier versions of a function go on counting.
        """
        if statement in self._noted:
            return
        if len(self._noted) == MOST_NOTED:
            self._noted.clear()
        self._noted.add(statement)
        created = find_created(statement) if _CREATES.search(statement) else Created(executed=[statement])
        if created is None:
            self.are_stale = True
            return
        self._add(created)
        called = [one for text in created.executed for one in self.called_by(text)]
        called += [code.function for code in created.codes if code.is_block]
        inside = [text for one in called for text in one.creations]
        self.somebody_listens |= any(map(LISTENS.search, created.executed)) or any(one.listens for one in called)
        self.are_stale |= (
            created.changes_functions
            or any(map(CREATES_CALLERS.search, inside))
            or (any(one.is_dynamic for one in called) and CREATES_CALLERS.search(statement) is not None)
        )
        self._call_unasked([*created.callers, *filter(_KEEPS_CALLS.search, inside)])

    def are_opaque(self, statement: str) -> bool:
        """Whether a statement's functions touch what no lock shows, as far as anybody knows."""
        return self.are_stale or any(function.is_opaque for function in self.called_by(statement))

    def calls_any(self, statement: str) -> bool:
        """Whether a statement may call a function, which somebody may replace."""
        return bool(self.called_by(statement))

    def _notifies(self, statement: str) -> bool:
        return NOTIFIES.search(statement) is not None or any(one.notifies for one in self.called_by(statement))

    def is_transparent(self, statement: str) -> bool:
        """Whether a point comes before everything that a statement's functions execute and that takes a snapshot."""
        called = self.called_by(statement)
        unseen = {name for function in called for name in function.calls_unseen}
        return (
            self.tables_have_points
            and self.without_points.isdisjoint(called)
            and all(function.is_transparent for function in called)
            and not (unseen and self.reads_unseen(statement))
            and self._of_extensions.isdisjoint(unseen)
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
        has_code = self.have_points and _HAS_CODE.search(statement) is not None
        return created_functions.put_points(statement) if has_code else statement

    def _know(self, functions: Iterable[Function]) -> None:
        self._functions = list(functions)
        self._names = frozenset(function.name for function in self._functions)
        self.called_by.cache_clear()
        self.notifies.cache_clear()
        self._noted.clear()

    def _add(self, created: Created) -> None:
        new = [code for code in created.codes if not code.is_block and code.function not in self._functions]
        if not new:
            return
        names = [function.name for function in self._functions]
        self.are_stale |= any(names.count(code.function.name) >= MOST_VERSIONS for code in new)
        if not self.are_stale:
            self.without_points.update(code.function for code in new if code.lacks_points)
            self._know([*self._functions, *(code.function for code in new)])

    def _call_unasked(self, texts: Iterable[str]) -> None:
        """Notes that whatever is created by these texts may call the functions that they name."""
        unasked = [one for text in texts for one in self._mentioned_in(text) if not one.is_called_implicitly]
        if unasked:
            self._know(replace(one, is_called_implicitly=True) if one in unasked else one for one in self._functions)

    def _find_called(self, statement: str) -> Sequence[Function]:
        called = [one for one in self._functions if one.is_called_implicitly]
        called += [one for one in self._mentioned_in(statement) if one not in called]
        for function in called:  # which grows meanwhile
            called += [one for one in self._mentioned_in(function.definition) if one not in called]
        return called

    def _mentioned_in(self, text: str) -> Sequence[Function]:
        lower = text.lower()
        words = set(_WORD.findall(lower))
        if DYNAMIC.search(lower):  # it may call anything
            return self._functions
        names = {one: one.name.lower() for one in self._functions}
        return [
            one
            for one, name in names.items()
            if (name in words if _WORD.fullmatch(name) else name.replace('"', '""') in lower)
        ]
