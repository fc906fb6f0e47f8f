"""Instrumented copies of PL/pgSQL functions: a call of a point before each of their statements that executes SQL.

A call is put where a statement can begin, on the same line. It stays if the copy without the calls
parses to the same tree. It changes neither FOUND nor the row count.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pglast
from pglast import ast
from pglast.parser import ParseError, Token
from pglast.visitors import Visitor

from cronproof.postgres.plpgsql import find_tokens, parse_function, read_word
from cronproof.postgres.proxy.footprints import HIDES_FROM_LOCKS, READS_THE_CATALOG

_BEGIN_STATEMENTS = frozenset({";", "begin", "then", "else", "loop"})
# What follows where a statement could begin, but does not, or begins with others that get their own calls.
_NO_STATEMENT = frozenset({"end", "else", "elsif", "elseif", "exception", "when", "begin", "declare", "loop"})
_END_OF_CONDITION = frozenset({";", "then", "loop"})
_SQL = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE_P", "MERGE", "EXECUTE", "CALL", "TABLE", "WITH", "FETCH"})
_PLPGSQL = frozenset({"perform", "open"})
_CALL = "cronproof_points.reach("
_WORDS = 4
_CLOSING = frozenset({"ASCII_41", "END_P"})
_WITHOUT_POINTS = (ast.TransactionStmt, ast.VariableSetStmt, ast.VariableShowStmt, ast.ListenStmt, ast.NotifyStmt)
# With these, REST APIs put a function's rows into one value.
_OF_JSON = frozenset({"json_agg", "jsonb_agg", "to_json", "to_jsonb", "row_to_json", "coalesce", "count"})
# What a function can do beyond what a single statement can: release locks early, listen, change the isolation.
_HIDES_FROM_LOCKS = re.compile(r"\bexception\s+when\b|\b(listen|isolation)\b", re.IGNORECASE)
LISTENS = re.compile(r"\blisten\b", re.IGNORECASE)
NOTIFIES = re.compile(r"\b(pg_)?notify\b", re.IGNORECASE)
CREATES_CALLERS = re.compile(
    r"\b(create|alter)\b[^;]*"
    r"\b(function|procedure|routine|trigger|view|rule|policy|aggregate|operator|cast|domain|extension|schema)\b",
    re.IGNORECASE,
)
DYNAMIC = re.compile(r"\bexecute\b(?!\s+(function|procedure|on)\b)", re.IGNORECASE)
"""The word of what is made up from text, or was prepared before."""
_CREATION = re.compile(r"\b(?:create|alter)\b[^;]*", re.IGNORECASE)


Call = tuple[int, str]
"""A place in a function's source, and the statement to put there."""


@dataclass(frozen=True)
class Function:
    """A function of the application: its name, its language, its source, and the statement that creates it."""

    name: str
    language: str
    is_volatile: bool
    source: str
    definition: str
    is_called_implicitly: bool = field(default=False, compare=False)
    """Whether something that is no function calls it, such as a trigger, a view or a default."""

    @functools.cached_property
    def is_opaque(self) -> bool:
        """Whether it touches what no lock shows."""
        if self.language not in {"plpgsql", "sql"}:
            return True
        text = _without_comments(self.source or self.definition)
        return any(
            pattern.search(text) is not None for pattern in (_HIDES_FROM_LOCKS, HIDES_FROM_LOCKS, READS_THE_CATALOG)
        )

    @functools.cached_property
    def listens(self) -> bool:
        """Whether it may listen for notifications."""
        return LISTENS.search(self.source or self.definition) is not None

    @functools.cached_property
    def notifies(self) -> bool:
        """Whether it may notify."""
        return NOTIFIES.search(self.source or self.definition) is not None

    @functools.cached_property
    def creations(self) -> Sequence[str]:
        """What it creates or alters."""
        return _CREATION.findall(self.source)

    @functools.cached_property
    def is_dynamic(self) -> bool:
        """Whether it executes SQL that is made up from text."""
        return DYNAMIC.search(self.source) is not None

    @functools.cached_property
    def is_transparent(self) -> bool:
        """Whether nothing that it executes goes unnoticed: a point comes before whatever takes a snapshot."""
        if not self.is_volatile:
            return True  # it reads by the snapshot of the statement that calls it
        if not self.source:
            return False  # the body of an SQL function that was parsed when it was created
        if self.language == "plpgsql":
            return _tree(self.definition) is not None and not any(map(_has_sql, self._hidden_expressions))
        try:
            statements = [raw.stmt for raw in pglast.parse_sql(self.source)]
        except ParseError:
            return False
        # Each takes a snapshot of its own. If it writes, what it has read counts up to the point before its write.
        return all(_writes(statement) or not _reads(statement) for statement in statements)

    @functools.cached_property
    def calls_unseen(self) -> frozenset[str]:
        """The names that it calls where no point comes before. Some may be those of functions of the database."""
        names = (
            read_word(source, token)
            for source in self._hidden_expressions
            for token in find_tokens(source)
            if token.name == "IDENT" and _is_called(source, token)
        )
        return frozenset(names)

    @functools.cached_property
    def _hidden_expressions(self) -> Sequence[str]:
        return list(_hidden_expressions(self.source)) if self.language == "plpgsql" else []

    @functools.cached_property
    def reads_unseen(self) -> bool:
        """Whether it reads tables by a snapshot that is older than its locks on them: that of the statement
        which calls it. An SQL function of several statements counts as one, too.
        """
        if self.language == "plpgsql":
            return not self.is_volatile and _has_sql(self.source)
        try:
            statements = [raw.stmt for raw in pglast.parse_sql(self.source)]
        except ParseError:
            return True
        return (not self.source or any(map(_reads, statements))) and (not self.is_volatile or len(statements) != 1)

    @functools.cached_property
    def writes_first(self) -> bool:
        """Whether it is one SQL statement which does nothing before the point of its first write."""
        return self.language == "sql" and writes_first(self.source)

    @property
    def instrumented(self) -> str | None:
        """The statement that creates the copy; None if it has no calls."""
        return self._with(self._accepted) if self._accepted else None

    @functools.cached_property
    def _calls(self) -> Sequence[Call]:
        return list(_calls(self.source, self.name)) if self.language == "plpgsql" and self.is_volatile else []

    @functools.cached_property
    def _accepted(self) -> Sequence[Call]:
        """The calls that leave the tree as it was. The others are in the middle of a statement."""
        tree = _tree(self.definition) if self._calls else None
        if tree is None:
            return []
        if _tree(self._with(self._calls)) == tree:
            return self._calls
        return [call for call in self._calls if _tree(self._with([call])) == tree]

    @property
    def wants_points(self) -> bool:
        """Whether there are places where a call has to be."""
        return bool(self._calls)

    @property
    def source_with_calls(self) -> str:
        """The source of the copy."""
        return _with_calls(self.source, self._accepted)

    def _with(self, calls: Sequence[Call]) -> str:
        head, _, tail = self.definition.rpartition(self.source)
        return f"{head}{_with_calls(self.source, calls)}{tail}"


def _with_calls(source: str, calls: Sequence[Call]) -> str:
    for place, call in reversed(calls):
        source = f"{source[:place]} {call}{source[place:]}"
    return source


def _without_comments(source: str) -> str:
    return " ".join(source[token.start : token.end + 1] for token in find_tokens(source)) or source


@functools.lru_cache(maxsize=4096)
def writes_first(sql: str) -> bool:
    """Whether SQL is one statement which takes its snapshot, and does nothing else before its first write."""
    return _writes_first(parse_one(sql))


def parse_one(sql: str) -> Any:
    """Returns the tree of SQL that is one statement; None if it is not."""
    try:
        (raw,) = pglast.parse_sql(sql)
    except (ParseError, ValueError):
        return None
    return raw.stmt


def _writes_first(statement: Any) -> bool:
    match statement:
        case ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
            return not any(map(_writes, _parts(statement).values()))
        case ast.SelectStmt(lockingClause=None) if _parts(statement):
            return _locks_only_for_writes(statement)
        case _:
            return False


@functools.lru_cache(maxsize=4096)
def calls_one(sql: str, functions: frozenset[str]) -> str | None:
    """Returns the function of the database that a query calls, if it does nothing else."""
    statement = parse_one(sql)
    if not isinstance(statement, ast.SelectStmt):
        return None
    found = _found(statement)
    called = [name for name in found.functions if name in functions]
    is_alone = set(found.tables) <= set(found.parts) and len(called) == 1
    is_alone = is_alone and set(found.functions) <= {*called, *_OF_JSON}
    return called[0] if is_alone and not found.writes and not found.locks else None


@functools.lru_cache(maxsize=4096)
def may_have_points(sql: str, functions: frozenset[str]) -> bool:
    """Whether there can be points inside SQL: it writes, calls one of the functions, or is not a query."""
    try:
        statements = [raw.stmt for raw in pglast.parse_sql(sql)]
    except ParseError:
        return True
    for statement in statements:
        found = _found(statement)
        if isinstance(statement, _WITHOUT_POINTS):
            continue
        if not isinstance(statement, ast.SelectStmt) or found.writes or not functions.isdisjoint(found.functions):
            return True
    return False


def _parts(statement: Any) -> dict[str, Any]:
    """Returns the parts of a statement's WITH."""
    clause = getattr(statement, "withClause", None)
    return {str(part.ctename): part.ctequery for part in clause.ctes or ()} if clause else {}


def _locks_only_for_writes(statement: ast.SelectStmt) -> bool:
    """Whether a query's WITH writes, and locks rows only in parts that nothing but its writes read."""
    parts = _parts(statement)
    locking = {name for name, part in parts.items() if _found(part).locks and not _writes(part)}
    readers = [part for name, part in parts.items() if not _writes(part) and name not in locking]
    main = _Found(skips_with=True)
    main(statement)
    read = {*main.tables, *(table for reader in readers for table in _found(reader).tables)}
    return any(map(_writes, parts.values())) and not locking & read


class _Found(Visitor):
    """What a statement has: tables, functions, parts of its WITH, and whether it writes or locks rows."""

    def __init__(self, *, skips_with: bool = False) -> None:
        super().__init__()
        self.tables: list[str] = []
        self.functions: list[str] = []
        self.parts: list[str] = []
        self.writes = self.locks = False
        self._skips_with = skips_with

    def visit(self, ancestors: object, node: Any) -> Any:  # noqa: ARG002  (as pglast calls it)
        match node:
            case ast.WithClause() if self._skips_with:
                return pglast.visitors.Skip
            case ast.CommonTableExpr():
                self.parts.append(str(node.ctename))
            case ast.RangeVar():
                self.tables.append(str(node.relname))
            case ast.FuncCall():
                self.functions.append(str((node.funcname or (ast.String(sval=""),))[-1].sval))
            case ast.LockingClause():
                self.locks = True
            case ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
                self.writes = True
            case _:
                pass
        return None


def _found(statement: Any) -> _Found:
    found = _Found()
    found(statement)
    return found


def _writes(statement: Any) -> bool:
    return _found(statement).writes


def _reads(statement: Any) -> bool:
    return bool(_found(statement).tables)


def _calls(source: str, name: str) -> Iterator[Call]:
    """Yields each place where a call has to be, and the call."""
    tokens = find_tokens(source)
    depth, is_body = 0, False
    for number, (token, following) in enumerate(itertools.pairwise(tokens)):
        depth += (token.name == "ASCII_40") - (token.name == "ASCII_41")
        is_body |= token.name == "BEGIN_P"
        if (
            depth
            or not is_body
            or read_word(source, token) not in _BEGIN_STATEMENTS
            or read_word(source, following) in _NO_STATEMENT
        ):
            continue
        statement = _statement(source, tokens[number + 1 :])
        if statement is not None:
            flag = "writes" if writes_first(statement) else ""
            words = " ".join(statement.replace("(", "( ").split()[:_WORDS]).replace("( ", "(")
            text = f"code\t{words}\t{name}\t{flag}".replace("'", "''").replace("\\", "\\\\")
            yield token.end + 1, f"if {_CALL}E'{text}') then end if;"


def _statement(source: str, tokens: Sequence[Token]) -> str | None:
    """Returns the statement that begins here, up to where it ends or others begin; None if it executes no SQL."""
    depth, seen = 0, False
    for number, token in enumerate(tokens):
        # A CASE in an expression has an END of its own; one that begins is a statement with others in it.
        depth += (token.name == "ASCII_40" or (number > 0 and token.name == "CASE")) - (token.name in _CLOSING)
        if not depth and read_word(source, token) in _END_OF_CONDITION:
            return source[tokens[0].start : token.start] if seen else None
        seen |= (
            token.name in {*_SQL, "FOR", "FROM"}
            or read_word(source, token) in _PLPGSQL
            or (token.name == "IDENT" and _is_called(source, token))
        )
    return None


def _has_sql(source: str) -> bool:
    """Whether a text executes SQL, also without SELECT: `return count(*) from marks`. So may one that cannot be read."""
    tokens, depth = find_tokens(source), 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        depth += (token.name == "ASCII_40") - (token.name == "ASCII_41")
        is_from = token.name == "FROM" and not depth and (before is None or before.name != "DISTINCT")
        if token.name in _SQL or is_from:
            return True
    return bool(source.strip()) and not tokens


def _is_called(source: str, token: Token) -> bool:
    """Whether a name is that of a function which is called: any may be one of the database."""
    return source[token.end + 1 :].lstrip().startswith("(")


def _hidden_expressions(source: str) -> Iterator[str]:
    """Yields what reads or calls where no point comes before: in ELSIF, WHEN, WHILE or a declared variable."""
    tokens = find_tokens(source)
    is_declaring = False
    for number, token in enumerate(tokens):
        word = read_word(source, token)
        is_declaring = word == "declare" or (is_declaring and word != "begin")
        hides = {":=", "=", "default"} if is_declaring else {"elsif", "elseif", "while", "when"}
        if word in hides and (statement := _statement(source, tokens[number + 1 :])):
            yield statement


def _tree(definition: str) -> Any:
    """Returns the tree of a PL/pgSQL function without calls of points; None if it cannot be parsed."""
    return _without_calls(parse_function(definition))


def _without_calls(tree: Any) -> Any:
    match tree:
        case dict():
            return {name: _without_calls(value) for name, value in tree.items()}
        case list():
            return [_without_calls(one) for one in tree if not _is_call(one)]
        case _:
            return tree


def _is_call(node: Any) -> bool:
    match node:
        case {"PLpgSQL_stmt_if": {"cond": {"PLpgSQL_expr": {"query": str(query)}}}}:
            return query.startswith(_CALL)
        case _:
            return False
