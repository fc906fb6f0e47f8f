"""Time shift: moves every point in time of every row into the past, as if time had passed.

The server's clock cannot be set for one database, and `now()` cannot be replaced where a function
pins its search_path. Moving what crons compare with the clock has the same effect.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import sql

from cronproof.postgres import points_in_time
from cronproof.postgres.catalog import Catalog

LOCK_SECONDS = 2  # an instance in the middle of a transaction may hold locks


@dataclass(frozen=True)
class Reset:
    """A reset: its time, and the transaction that has inserted the given rows."""

    time: datetime
    transaction: str


def shift_statements(
    catalog: Catalog, time: timedelta, *, is_superuser: bool, written_since: Reset | None = None
) -> bytes:
    """Builds the transaction that makes all rows older by `time`, or younger if it is negative. With
    `written_since`, only timestamps that were written since a reset, and lie behind it.

    User triggers do not fire.
    """
    updates = list(_updates(catalog, time) if written_since is None else _updates_since(catalog, time, written_since))
    quiet = [sql.SQL("set local session_replication_role = replica")] if is_superuser else []
    tables = [] if is_superuser else [table for table, _ in updates]
    parts: list[sql.Composable] = [
        sql.SQL("begin"),
        sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{LOCK_SECONDS}s")),
        *quiet,
        *(sql.SQL("alter table {} disable trigger user").format(table) for table in tables),
        *(update for _, update in updates),
        *(sql.SQL("alter table {} enable trigger user").format(table) for table in tables),
        sql.SQL("commit"),
    ]
    return sql.SQL("; ").join(parts).as_bytes()


def _updates(catalog: Catalog, time: timedelta) -> Iterator[tuple[sql.Identifier, sql.Composed]]:
    for table in catalog.deletable:
        if table.schema == "cronproof":
            continue
        moved = []
        for column, kind in catalog.kinds[table].items():
            if column in catalog.generated.get(table, ()):
                continue
            if not kind.startswith(("timestamp", "date")) and column in catalog.fixed.get(table, ()):
                continue  # a key that looks like a time
            shifted = points_in_time.find_shifted(column, kind, time)
            if shifted is not None:
                moved.append((sql.Identifier(column), shifted))
        if moved:
            identifier = sql.Identifier(table.schema, table.name)
            sets = sql.SQL(", ").join(sql.SQL("{} = {}").format(*one) for one in moved)
            changes = sql.SQL(" or ").join(sql.SQL("{} is distinct from {}").format(*one) for one in moved)
            yield identifier, sql.SQL("update {} set {} where {}").format(identifier, sets, changes)


def _updates_since(catalog: Catalog, time: timedelta, reset: Reset) -> Iterator[tuple[sql.Identifier, sql.Composed]]:
    for table in catalog.deletable:
        generated = catalog.generated.get(table, ())
        times = [
            sql.Identifier(column)
            for column, kind in catalog.kinds[table].items()
            if kind.startswith("timestamp") and not kind.endswith("[]") and column not in generated
        ]
        if times and table.schema != "cronproof":
            identifier = sql.Identifier(table.schema, table.name)
            moved = sql.SQL("{0} = case when {0} >= {1} then {0} - {2}::interval else {0} end")
            sets = sql.SQL(", ").join(moved.format(one, sql.Literal(reset.time), sql.Literal(time)) for one in times)
            statement = sql.SQL("update {} set {} where xmin <> {}::xid")
            yield identifier, statement.format(identifier, sets, sql.Literal(reset.transaction))
