"""Row locks that belong to no instance, as of somebody in the middle of a claim."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from psycopg import AsyncConnection, sql

from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)


@dataclass
class RowLocks:
    """Locks, each held by a connection of its own until it is released."""

    tables: Sequence[str]
    """The tables, as SQL."""
    connect: Callable[[], Awaitable[AsyncConnection]]
    lockers: list[int]
    """The backends that hold locks."""
    _open: AsyncExitStack
    """Closes what was not released."""
    _held: list[AsyncConnection] = field(default_factory=list)

    async def lock(self, *statements: sql.Composed) -> None:
        """Executes statements that lock rows, in a transaction that stays open."""
        connection = await self._open.enter_async_context(await self.connect())
        self.lockers.append(connection.info.backend_pid)
        self._open.callback(self._forget, connection.info.backend_pid)
        self._held.append(connection)
        await connection.execute("begin")
        for statement in statements:
            await connection.execute(statement)

    async def separate(self, pids: Sequence[int]) -> int:
        """Locks the rows for which backends wait one by one, in the order of the backends, then releases
        the lock of all rows. Returns how many are locked.

        A shared lock that somebody has already does not wait behind those who wait for it to end.
        """
        awaited = await (
            await self._held[0].execute(_SQL["awaited_rows"].encode(), [list(pids), list(self.tables)])
        ).fetchall()
        for table, place in awaited:
            statement = sql.SQL("select from {} where ctid = {} for share skip locked")
            await self.lock(statement.format(sql.SQL(table), sql.Literal(place)))
        await self.release()
        return len(awaited)

    async def release(self, *, last: bool = False) -> None:
        """Releases the first lock, or the last one."""
        connection = self._held.pop(-1 if last else 0)
        await connection.execute("rollback")
        self._forget(connection.info.backend_pid)
        await connection.close()

    def _forget(self, pid: int) -> None:
        if pid in self.lockers:
            self.lockers.remove(pid)
