"""Time shift: moves every point in time of every row into the past, as if time had passed.

The server's clock cannot be set for one database, and `now()` cannot be replaced where a function
pins its search_path. Moving what crons compare with the clock has the same effect.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection, AsyncRawCursor, sql

from cronproof.postgres import points_in_time
from cronproof.postgres.catalog import Catalog, Table
from cronproof.postgres.connect import is_superuser

LOCK_SECONDS = 2  # an instance in the middle of a transaction may hold locks


@dataclass(frozen=True)
class _Updates:
    """An update for each table."""

    by_table: Mapping[Table, sql.Composed]

    @functools.cached_property
    def joined(self) -> bytes:
        """All of them as one statement, which is planned once."""
        parts = [
            sql.SQL("shift_{} as ({})").format(sql.SQL(str(number)), update)
            for number, update in enumerate(self.by_table.values())
        ]
        return sql.SQL("with {} select").format(sql.SQL(", ").join(parts)).as_bytes()


class TimeShift:
    """Makes the rows of a database older, without firing its triggers.

    It has a connection of its own, so that its settings need not change back and forth: whoever
    changes `session_replication_role` has every statement planned again.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._all = self._written = _Updates({})

    async def prepare(self, catalog: Catalog) -> None:
        """Builds the statements for the tables of a catalog."""
        self._all, self._written = _Updates(dict(_updates(catalog))), _Updates(dict(_updates_of_written(catalog)))
        await self._connection.execute(f"set lock_timeout = '{LOCK_SECONDS}s'".encode())
        if is_superuser(self._connection):
            await self._connection.execute("set session_replication_role = replica")

    async def shift(self, elapsed: timedelta) -> None:
        """Makes every row older by `elapsed`, or younger if it is negative.

        Raises:
            psycopg.errors.LockNotAvailable: an instance holds locks on rows.
        """
        await self._execute(self._all, [elapsed])

    async def shift_written(self, elapsed: timedelta, *, since: datetime, by: str) -> None:
        """Makes the timestamps older that lie behind the reset at `since` and were written by another
        transaction than the reset's, `by`. Given rows do not grow older.

        Raises:
            psycopg.errors.LockNotAvailable: an instance holds locks on rows.
        """
        await self._execute(self._written, [elapsed, since, by])

    async def _execute(self, updates: _Updates, parameters: Sequence[object]) -> None:
        if not updates.by_table:
            return
        async with AsyncRawCursor(self._connection) as cursor:
            if is_superuser(self._connection):
                await cursor.execute(updates.joined, parameters, prepare=True)
                return
            names = [table.identifier for table in updates.by_table]
            async with self._connection.transaction():
                for name in names:
                    await cursor.execute(sql.SQL("alter table {} disable trigger user").format(name))
                for update in updates.by_table.values():  # one by one: a table with rules cannot be changed in a WITH
                    await cursor.execute(update, parameters)
                for name in names:
                    await cursor.execute(sql.SQL("alter table {} enable trigger user").format(name))


def _updates(catalog: Catalog) -> Iterator[tuple[Table, sql.Composed]]:
    for table in catalog.deletable:
        moved = []
        for column, kind in catalog.kinds[table].items():
            if column in catalog.generated.get(table, ()):
                continue
            if not kind.startswith(("timestamp", "date")) and column in catalog.fixed.get(table, ()):
                continue  # a key that looks like a time
            shifted = points_in_time.find_shifted(column, kind)
            if shifted is not None:
                moved.append((sql.Identifier(column), shifted))
        if moved:
            sets = sql.SQL(", ").join(sql.SQL("{} = {}").format(*one) for one in moved)
            changes = sql.SQL(" or ").join(sql.SQL("{} is distinct from {}").format(*one) for one in moved)
            yield table, sql.SQL("update {} set {} where {}").format(_rows_of(catalog, table), sets, changes)


def _updates_of_written(catalog: Catalog) -> Iterator[tuple[Table, sql.Composed]]:
    for table in catalog.deletable:
        generated = catalog.generated.get(table, ())
        times = [
            sql.Identifier(column)
            for column, kind in catalog.kinds[table].items()
            if kind.startswith("timestamp") and not kind.endswith("[]") and column not in generated
        ]
        if times:
            moved = sql.SQL("{0} = case when {0} >= $2 then {0} - $1::interval else {0} end")
            sets = sql.SQL(", ").join(moved.format(one) for one in times)
            yield table, sql.SQL("update {} set {} where xmin <> $3").format(_rows_of(catalog, table), sets)


def _rows_of(catalog: Catalog, table: Table) -> sql.Composed:
    """Names a table without those that inherit from it, which have updates of their own."""
    return sql.SQL("{}" if table in catalog.partitioned else "only {}").format(table.identifier)
