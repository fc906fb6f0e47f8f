"""What the SQL of an application creates: functions, blocks of code, and what calls functions unasked."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pglast
from pglast import ast
from pglast.enums import ObjectType
from pglast.parser import ParseError

from cronproof.postgres.instrumented import Function, parse_one

_QUOTE = "$cronproof$"
_CHANGED = re.compile(r"\b(function|procedure|routine)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Code:
    """A function, or a block of code in the form of a function, and its part of the SQL."""

    function: Function
    part: slice
    is_block: bool
    copy: str
    """The part with points, where it can have them."""
    lacks_points: bool
    """Whether it has none of the points that it should have."""


@dataclass(frozen=True)
class Created:
    """What SQL creates and executes."""

    codes: Sequence[Code] = ()
    callers: Sequence[str] = ()
    """The statements that create something which may call functions, such as a trigger, a view or a default."""
    executed: Sequence[str] = ()
    """All statements but those that create functions."""
    changes_functions: bool = False
    """Whether it alters functions, or gives them other names."""


@functools.lru_cache(maxsize=256)
def find_created(sql: str) -> Created | None:
    """Finds what SQL creates; None if it cannot be parsed."""
    try:
        parts = [(part, parse_one(sql[part])) for part in pglast.split(sql, only_slices=True)]
    except (ParseError, ValueError):
        return None
    return Created(
        codes=[code for part, statement in parts if (code := _find_code(sql, part, statement))],
        callers=[sql[part] for part, statement in parts if _is_caller(statement)],
        executed=[sql[part] for part, statement in parts if not isinstance(statement, ast.CreateFunctionStmt)],
        changes_functions=any(
            isinstance(statement, (ast.AlterFunctionStmt, ast.RenameStmt, ast.AlterObjectSchemaStmt))
            and _CHANGED.search(sql[part])
            for part, statement in parts
        ),
    )


def _is_caller(statement: Any) -> bool:
    """Whether a statement creates something that may call functions from then on."""
    match statement:
        case ast.CreateFunctionStmt():
            return False
        case ast.CreateTableAsStmt(objtype=kind):  # unless it can be filled again, that is done
            return kind == ObjectType.OBJECT_MATVIEW
        case ast.IndexStmt() | ast.ViewStmt() | ast.RuleStmt():
            return True
        case _:
            return type(statement).__name__.startswith(("Create", "Alter", "Define"))


@functools.lru_cache(maxsize=256)
def put_points(sql: str) -> str:
    """Returns SQL with calls of points in the functions that it creates and in its blocks of code."""
    created = find_created(sql)
    for code in reversed(created.codes if created is not None else ()):
        sql = f"{sql[: code.part.start]}{code.copy}{sql[code.part.stop :]}"
    return sql


def _find_code(sql: str, part: slice, statement: Any) -> Code | None:
    match statement:
        case ast.DoStmt(args=options):
            name, usual_language, is_block = "do", "plpgsql", True
        case ast.CreateFunctionStmt(options=options, funcname=(*_, ast.String(sval=name))):
            usual_language, is_block = "sql", False
        case _:
            return None
    given = {option.defname: option.arg for option in options or ()}
    source = _source(given.get("as"))
    language = str(given["language"].sval) if "language" in given else usual_language
    is_volatile = "volatility" not in given or given["volatility"].sval == "volatile"
    text = sql[part]
    definition = (
        f'create function "do"() returns void language plpgsql as {_QUOTE}{source}{_QUOTE}' if is_block else text
    )
    function = Function(str(name), language, is_volatile, source, definition)
    # In single quotes, a source need not be there as it is.
    has_place = bool(source) and text.count(f"${source}$") == 1
    copy = text.replace(f"${source}$", f"${function.source_with_calls}$") if has_place else text
    return Code(function, part, is_block, copy, lacks_points=function.wants_points and copy == text)


def _source(given: Any) -> str:
    """Returns the source of a function or a block; empty if it has none of its own."""
    match given:
        case ast.String(sval=source) | (ast.String(sval=source), *_):
            return str(source)
        case _:
            return ""
