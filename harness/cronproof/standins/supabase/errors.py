"""Errors of the REST API: status, code and body as PostgREST has them.

https://docs.postgrest.org/en/stable/references/errors.html
"""

import re
from collections.abc import Mapping
from typing import Any

import psycopg

DOCS = "docs/supabase.md"


class RestError(Exception):
    """An error response to a request."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = {"code": code, "details": details, "hint": hint, "message": message}


class NotCovered(RestError):
    """A feature of PostgREST that this API does not cover."""

    def __init__(self, feature: str) -> None:
        super().__init__(501, "CRONPROOF", f"cronproof's REST API does not cover {feature}", hint=f"see {DOCS}")


def unparsable(what: str, text: str) -> RestError:
    """Builds the error for a query parameter that cannot be parsed."""
    return RestError(400, "PGRST100", f'"failed to parse {what} ({text})" (line 1, column 1)')


# By prefix of the SQLSTATE, the longest match: src/PostgREST/Error.hs of PostgREST/postgrest.
_STATUSES = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "23503": 409, "23505": 409, "25006": 405, "25": 500, "28": 403, "2D": 500,
    "38": 500, "39": 500, "3B": 500, "40": 500, "53400": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500,
    "F0": 500, "HV": 500, "P0001": 400, "P0": 500, "42883": 404, "42P01": 404, "42P17": 500,
}  # fmt: skip
_RAISED_STATUS = re.compile(r"PT([2-5]\d\d)")
NOT_ONE_ROW = re.compile(r'"rows:(\d+)"')


def of_postgres(error: psycopg.Error, *, is_anonymous: bool) -> RestError:
    """Converts an error of the database to PostgREST's response."""
    state, diagnosis = error.sqlstate or "XX000", error.diag
    if state == "22P02" and (rows := NOT_ONE_ROW.search(str(error))):
        return not_one_row(int(rows[1]))
    if state == "42501":
        status = 401 if is_anonymous else 403
    elif raised := _RAISED_STATUS.fullmatch(state):
        status = int(raised[1])
    else:
        status = next((_STATUSES[state[:length]] for length in (5, 2) if state[:length] in _STATUSES), 400)
    return RestError(
        status, state, diagnosis.message_primary or str(error), diagnosis.message_detail, diagnosis.message_hint
    )


def not_one_row(rows: int) -> RestError:
    """Builds the error for a request of one object when there is not exactly one row."""
    message = "Cannot coerce the result to a single JSON object"
    return RestError(406, "PGRST116", message, f"The result contains {rows} rows")
