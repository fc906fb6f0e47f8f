"""The digest: a hash of the rows that an execution has left, equal for equal rows."""

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg import sql

from cronproof.domain.work import UnitId
from cronproof.postgres import points_in_time
from cronproof.postgres.catalog import Catalog
from cronproof.sql_files import load_queries

MAX_ARGUMENTS = 100
_SQL = load_queries(__file__)


@dataclass(frozen=True)
class LoggedWrite:
    """A backend claimed a unit of work (`is_set`) or gave it back. `id` gives the order."""

    backend_pid: int
    unit: UnitId
    work: str
    is_set: bool
    was_set: bool
    """Whether the unit was claimed already, at that moment."""
    id: int


@dataclass(frozen=True)
class Digest:
    """A hash of the rows after an execution (times in minutes since the reset), and the claim log."""

    state: str
    claim_writes: list[LoggedWrite]


def digest_query(catalog: Catalog, ignored: Collection[tuple[str, str]] = ()) -> bytes:
    """Builds the query for the digest of all tables and the log of claims. `ignored` are columns,
    by the table's title and their name, that equal rows may differ in.

    Parameters: the reset's time and transaction, the given UUIDs, the application's time then.
    """
    tables = []
    for table in catalog.deletable:
        columns = catalog.kinds[table].items()
        values = [_value(name, kind) for name, kind in columns if (table.title, name) not in ignored]
        values = values or [sql.SQL("1")]
        tables.append(_composable("changed").format(table.identifier, values[0], _array(values)))
    return _composable("digest").format(_array(tables)).as_bytes()


@functools.cache  # asked again for every scenario
def _value(column: str, kind: str) -> sql.Composable:
    """Builds the expression for the part of a value that equivalent executions share."""
    if kind == "uuid":
        return _composable("given").format(sql.Identifier(column))
    return points_in_time.in_minutes(column, kind) or sql.Identifier(column)


def _composable(name: str) -> sql.SQL:
    return sql.SQL(_SQL[name])


def _array(values: Sequence[sql.Composable]) -> sql.Composable:
    """Builds a JSON array in parts, since a Postgres function takes at most 100 arguments."""
    parts = [values[start : start + MAX_ARGUMENTS] for start in range(0, len(values), MAX_ARGUMENTS)]
    arrays = [sql.SQL("jsonb_build_array({})").format(sql.SQL(", ").join(part)) for part in parts or [[]]]
    return sql.SQL(" || ").join(arrays)
