"""What the SQL of an application creates: functions, blocks of code, and what calls functions unasked."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pglast
from pglast import ast
from pglast.parser import ParseError

from cronproof.postgres.instrumented import Function, parse_one

_QUOTE = "$cronproof$"
_CREATE_NOTHING = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


@dataclass(frozen=True)
class Code:
    """A function, or a block of code in the form of a function, and its part of the SQL."""

    function: Function
    part: slice
    is_block: bool
    has_place: bool
    """Whether its source is there as it is, so that points can be put into it. In single quotes it need not be."""


@dataclass(frozen=True)
class Created:
    """What SQL creates."""

    codes: Sequence[Code]
    callers: Sequence[str]
    """The statements that create something which may call functions, such as a trigger, a view or a default."""


NOTHING_CREATED = Created([], [])


@functools.lru_cache(maxsize=256)
def find_created(sql: str) -> Created | None:
    """Finds what SQL creates; None if it cannot be parsed."""
    try:
        statements = [(part, parse_one(sql[part])) for part in pglast.split(sql, only_slices=True)]
    except ParseError:
        return None
    codes = [code for part, statement in statements if (code := _find_code(sql, part, statement))]
    created = {code.part.start for code in codes}
    return Created(
        codes,
        callers=[
            sql[part]
            for part, statement in statements
            if part.start not in created and not isinstance(statement, _CREATE_NOTHING)
        ],
    )


@functools.lru_cache(maxsize=256)
def put_points(sql: str) -> str:
    """Returns SQL with calls of points in the functions that it creates and in its blocks of code."""
    created = find_created(sql)
    for code in reversed(created.codes if created is not None else ()):
        if code.has_place:
            function, text = code.function, sql[code.part]
            copy = text.replace(f"${function.source}$", f"${function.source_with_calls}$")
            sql = f"{sql[: code.part.start]}{copy}{sql[code.part.stop :]}"
    return sql


def _find_code(sql: str, part: slice, statement: Any) -> Code | None:
    match statement:
        case ast.DoStmt(args=options):
            name = "do"
        case ast.CreateFunctionStmt(options=options, funcname=(*_, ast.String(sval=name))):
            pass
        case _:
            return None
    is_block = isinstance(statement, ast.DoStmt)
    given = {option.defname: option.arg for option in options or ()}
    source = _source(given.get("as"))
    language = str(given["language"].sval) if "language" in given else "plpgsql" if is_block else "sql"
    is_volatile = "volatility" not in given or given["volatility"].sval == "volatile"
    text = sql[part]
    definition = (
        f'create function "do"() returns void language plpgsql as {_QUOTE}{source}{_QUOTE}' if is_block else text
    )
    function = Function(str(name), language, is_volatile, source, definition)
    return Code(function, part, is_block, bool(source) and text.count(f"${source}$") == 1)


def _source(given: Any) -> str:
    """Returns the source of a function or a block; empty if it has none of its own."""
    match given:
        case ast.String(sval=source) | (ast.String(sval=source), *_):
            return str(source)
        case _:
            return ""
