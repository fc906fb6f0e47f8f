"""Points in time in columns of any type: timestamps, dates, seconds or milliseconds since 1970, text.

A lease need not be a timestamp. A number counts as a point in time if it is near the present, in
seconds, milliseconds or microseconds; a text does if it is an ISO 8601 time. Nothing else is taken
for one: no other numbers of a schema are likely to lie there.
"""

import functools
import json
import re
import time
from datetime import timedelta
from typing import Any

from psycopg import sql

from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)

ISO = (
    r"([12]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
    r"|20([02468][048]|[13579][26])-02-29)"
    r"[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)?"
)
"""A regular expression for points in time in text and JSON, for Python and for Postgres. Postgres refuses
to read a day that there is not, such as February 30.
"""
NEAR = timedelta(days=400)
"""How far from the present a number may be to count as a point in time."""
UNITS_OF_A_SECOND = (1, 1_000, 1_000_000)
_IS_ISO = re.compile(ISO)
_FAMILIES = {
    "timestamp": r"timestamp(\(\d\))? with(out)? time zone",
    "date": "date",
    "time of day": r"time(\(\d\))? with(out)? time zone",
    "json": "jsonb?",
    "number": r"bigint|integer|numeric(\(.*\))?|double precision",
    "text": r"text|character varying(\(\d+\))?",
}
"""The names of types, by what their values can hold."""


def find_shifted(column: str, kind: str) -> sql.Composable | None:
    """Builds the expression for a column's value, $1 earlier; None if it holds no point in time.

    Dates move by whole days only, texts by whole seconds.
    """
    name, expression = sql.Identifier(column), None
    match _family(kind):
        case "timestamp":
            expression = sql.SQL("{} - $1::interval").format(name)
        case "date":
            expression = sql.SQL("{} - trunc(extract(epoch from $1::interval) / 86400)::int").format(name)
        case "number":
            moves = [f"trunc(extract(epoch from $1::interval) * {units})::bigint" for units in UNITS_OF_A_SECOND]
            expression = _of_number(name, "{0} - {1}", moves)
        case "text":
            expression = _composable("earlier_text").format(name, sql.Literal(f"^{ISO}$"))
        case _:
            pass
    return expression


def in_minutes(column: str, kind: str) -> sql.Composable | None:
    """Builds the expression for the part of a value that equivalent executions share; None for all of
    it. Points in time count in minutes since the reset.
    """
    name, expression = sql.Identifier(column), None
    match _family(kind):
        case "timestamp":
            expression = _composable("minutes").format(name)
        case "time of day":
            expression = sql.SQL("{0} is not null").format(name)
        case "json":
            expression = _composable("timeless").format(name, sql.Literal(ISO))
        case "number":
            minutes = "'minute ' || round({0} / {1}::numeric / 60 - extract(epoch from $1) / 60)"
            expression = _of_number(name, minutes, list(map(str, UNITS_OF_A_SECOND)), "{0}::text")
        case "text":
            expression = _composable("minutes_of_text").format(name, sql.Literal(f"^{ISO}$"))
        case _:
            pass
    return expression


def without_time(kind: str, value: Any) -> Any:
    """Returns a value; of a point in time, only that it is set."""
    family = _family(kind)
    if family in {"timestamp", "date", "time of day"}:
        return value is not None
    if family == "json":
        return json.loads(re.sub(ISO, "a time", json.dumps(value)))
    is_time = (family == "number" and isinstance(value, int | float) and _is_near(value)) or (
        family == "text" and isinstance(value, str) and _IS_ISO.fullmatch(value) is not None
    )
    return is_time or value


@functools.cache
def _family(kind: str) -> str | None:
    """Returns what values of a type are, if they can be points in time or hold some."""
    return next((family for family, names in _FAMILIES.items() if re.fullmatch(names, kind)), None)


def _is_near(number: float) -> bool:
    return any(abs(number / units - time.time()) < NEAR.total_seconds() for units in UNITS_OF_A_SECOND)


def _of_number(name: sql.Identifier, expression: str, values: list[str], otherwise: str = "{0}") -> sql.Composed:
    """Builds an expression that applies only to numbers near the present, with a value for each unit."""
    branches = [
        sql.SQL("when abs({0} / {1}::numeric - extract(epoch from now())) < {2} then ").format(
            name, sql.SQL(str(units)), sql.SQL(str(int(NEAR.total_seconds())))
        )
        + sql.SQL(expression).format(name, sql.SQL(value))
        for units, value in zip(UNITS_OF_A_SECOND, values, strict=True)
    ]
    return sql.SQL("case {} else {} end").format(sql.SQL(" ").join(branches), sql.SQL(otherwise).format(name))


def _composable(name: str) -> sql.SQL:
    return sql.SQL(_SQL[name])
