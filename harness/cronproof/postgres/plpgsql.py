"""Parses PL/pgSQL functions where no database tells what their types are."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pglast
from pglast import ast
from pglast.parser import ParseError, Token, scan

_COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})
_QUOTE = "$cronproof$"
_KEPT_RESULTS = frozenset({"void", "trigger", "event_trigger"})
_RESULTS = {"o": "out", "b": "inout"}
_COLUMN = "t"
# What can follow a variable's type, and what stands there in place of one, or needs no type of the application.
_AFTER_TYPE = frozenset({";", ":=", "=", "default", "not", "collate"})
_NO_TYPE = frozenset({"alias", "cursor", "scroll", "no", "refcursor", "record"})


def parse_function(definition: str) -> Any:
    """Returns the tree of a function, given the statement that creates it; None if it cannot be parsed.

    A type that the parser does not know is replaced. Where a statement begins does not depend on types.
    """
    return _parse(definition) or _parse(_without_types(definition) or "")


def find_tokens(source: str) -> Sequence[Token]:
    """Returns the tokens of a source without its comments; none if it cannot be read."""
    try:
        return [token for token in scan(source) if token.name not in _COMMENTS]
    except (ParseError, ValueError):
        return []


def read_word(source: str, token: Token) -> str:
    """Returns a token in lower case. PL/pgSQL's own words are names to the scanner, so words are compared."""
    return source[token.start : token.end + 1].lower()


def _parse(definition: str) -> Any:
    try:
        return json.loads(pglast.parser.parse_plpgsql_json(definition)) or None
    except (ParseError, ValueError):
        return None


def _without_types(definition: str) -> str | None:
    """Returns a function with other types: a record for a variable whose fields are named, else text."""
    try:
        (raw,) = pglast.parse_sql(definition)
    except (ParseError, ValueError):
        return None
    match raw.stmt:
        case ast.CreateFunctionStmt(parameters=parameters, returnType=result, options=options):
            pass
        case _:
            return None
    sources = [option.arg[0].sval for option in options or () if option.defname == "as"]
    if not sources:
        return None
    source = _with_plain_types(sources[0])
    head = _procedure(parameters or ()) if raw.stmt.is_procedure else _function(parameters or (), result)
    return f"create {head} language plpgsql as {_QUOTE}{source}{_QUOTE}"


def _procedure(parameters: Sequence[Any]) -> str:
    return f"procedure p({', '.join(map(_parameter, parameters))})"


def _function(parameters: Sequence[Any], result: Any) -> str:
    columns = [one for one in parameters if _mode(one) == _COLUMN]
    given = [one for one in parameters if _mode(one) != _COLUMN]
    head = f"function f({', '.join(map(_parameter, given))})"
    if columns:
        return f"{head} returns table ({', '.join(map(_parameter, columns))})"
    if result is None:
        return head
    results = [_type(one) for one in given if _mode(one) in _RESULTS]
    name = result.names[-1].sval
    plain = "record" if len(results) > 1 else results[0] if results else name if name in _KEPT_RESULTS else "text"
    return f"{head} returns {'setof ' if result.setof else ''}{plain}"


def _parameter(parameter: Any) -> str:
    name = '"{}"'.format(parameter.name.replace('"', '""')) if parameter.name else ""
    return f"{_RESULTS.get(_mode(parameter), '')} {name} {_type(parameter)}"


def _mode(parameter: Any) -> str:
    return str(getattr(parameter.mode, "value", parameter.mode))


def _type(parameter: Any) -> str:
    return "text[]" if parameter.argType.arrayBounds else "text"


def _with_plain_types(source: str) -> str:
    for place, name, is_array in reversed(list(_types(source))):
        is_record = re.search(rf"(?<![\w.]){re.escape(name)}\s*\)?\s*\.", source, re.IGNORECASE) is not None
        plain = "record" if is_record else "text[]" if is_array else "text"
        source = f"{source[: place.start]}{plain}{source[place.stop :]}"
    return source


def _types(source: str) -> Iterator[tuple[slice, str, bool]]:
    """Yields each declared variable's type: where it is, the variable, and whether it is an array."""
    tokens = find_tokens(source)
    is_declaring, begin = False, 0
    for number, token in enumerate(tokens):
        word = read_word(source, token)
        if word == "declare":
            is_declaring, begin = True, number + 1
        elif word == "begin":
            is_declaring = False
        elif is_declaring and word == ";":
            yield from _declared(source, tokens[begin : number + 1])
            begin = number + 1


def _declared(source: str, declaration: Sequence[Token]) -> Iterator[tuple[slice, str, bool]]:
    words = [read_word(source, token) for token in declaration]
    first = 2 if words[1:2] == ["constant"] else 1
    if len(words) <= first or words[first] in _NO_TYPE:
        return
    rest = list(itertools.takewhile(lambda number: words[number] not in _AFTER_TYPE, range(first, len(words))))
    if rest:
        place = slice(declaration[first].start, declaration[rest[-1]].end + 1)
        yield place, source[declaration[0].start : declaration[0].end + 1], not {"]", "array"}.isdisjoint(words)
