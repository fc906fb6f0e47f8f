"""The digest: what a run has left behind in the database, in one short value that is the same for the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from cronproof.postgres.catalog import TIME_IN_JSON, Catalog

MAX_ARGUMENTS = 100


@dataclass(frozen=True)
class FlagWrite:
    """An instance wrote a job's `*_sent_at`: set it (`is_set`) or cleared it. In the order of the writes to each job."""

    backend_pid: int
    job_id: int | str
    sent_column: str
    is_set: bool
    id: int


@dataclass(frozen=True)
class Digest:
    """What a run has come to: the same `state` means the same rows everywhere, with times as minutes since the reset."""

    state: str
    flag_writes: list[FlagWrite]


def digest_query(catalog: Catalog) -> bytes:
    """The query for the rows of all tables, as one digest, and for the log of marks.

    Its parameters: the time of the reset, its transaction, the UUIDs that are given, and the application's time then.
    """
    tables = []
    for table in catalog.deletable:
        values = [_value(column, kind) for column, kind in catalog.kinds[table].items()]
        tables.append(sql.SQL(_CHANGED).format(sql.Identifier(table.schema, table.name), values[0], _array(values)))
    return sql.SQL(_DIGEST).format(_array(tables)).as_bytes()


def _value(column: str, kind: str) -> sql.Composed:
    """What of a column's value is the same in every run that comes to the same."""
    if kind.startswith("timestamp"):
        return sql.SQL(_MINUTES).format(sql.Identifier(column))
    if kind.startswith("time "):
        return sql.SQL("{0} is not null").format(sql.Identifier(column))
    if kind.startswith("json"):
        return sql.SQL(_TIMELESS).format(sql.Identifier(column), sql.Literal(TIME_IN_JSON))
    return sql.SQL(_GIVEN if kind == "uuid" else "{0}").format(sql.Identifier(column))


def _array(values: Sequence[sql.Composable]) -> sql.Composable:
    """A JSON array of the values, in parts: a function of Postgres takes 100 arguments at most."""
    parts = [values[start : start + MAX_ARGUMENTS] for start in range(0, len(values), MAX_ARGUMENTS)]
    arrays = [sql.SQL("jsonb_build_array({})").format(sql.SQL(", ").join(part)) for part in parts or [[]]]
    return sql.SQL(" || ").join(arrays)


# Of a time that a run wrote itself only the minute since the reset is the same in every run. What is far from the server's
# time counts from the application's.
_MINUTES = """case
    when isfinite({0}) and {0} between $1 - interval '7 days' and $1 + interval '7 days'
        then round(extract(epoch from {0} - $1) / 60)::text
    when isfinite({0}) then round(extract(epoch from {0} - $4) / 60)::text
    else {0}::text
end"""

# JSON may hold times, too, which nobody tells apart from other texts but by how they look.
_TIMELESS = "regexp_replace({0}::text, {1}, 'a time', 'g')"

# Of a UUID that a run has made up itself nothing is the same in another one.
_GIVEN = "case when {0} is null or {0} = any ($3::uuid[]) then {0}::text else 'made up' end"

# Rows that are as the reset has left them are known by their first column; only those written since are looked at.
_CHANGED = """(
    select jsonb_build_array(
        sum(hashtext({1}::text)) filter (where xmin = $2),
        jsonb_agg({2} order by {2}) filter (where xmin <> $2)
    ) from {0}
)"""

_DIGEST = """
    select md5(({})::text), (
        select coalesce(json_agg(json_build_array(backend_pid, job_id, sent_column, is_set, id) order by id), '[]')
        from cronproof.flag_writes
    )
    where $3::uuid[] is not null
"""
