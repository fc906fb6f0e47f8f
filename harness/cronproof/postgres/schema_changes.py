"""What instances change in the schema: what they create is removed again, so that each execution begins with the same.

Postgres tells of it by event triggers, which only a superuser may create.
"""

import psycopg
from psycopg import AsyncConnection, sql

from cronproof.postgres.connect import is_superuser, one_line
from cronproof.sql_files import load_queries

LOCK_MILLISECONDS = 2000
OF_THE_SCHEMA = -1
"""Stands for a backend where the schema is meant."""
_SQL = load_queries(__file__)


class SchemaChanges:
    """The changes since the last reset, and what earlier ones have left. `control` is the owner's connection."""

    def __init__(self, control: AsyncConnection) -> None:
        """Watches nothing yet."""
        self._control = control
        self.lost: str | None = None
        """What instances have done to the schema that cannot be undone, if anything."""

    @property
    def _sees_all(self) -> bool:
        """Whether event triggers log all changes. Else only new tables, views, sequences and functions are seen."""
        return is_superuser(self._control)

    async def watch(self) -> None:
        """Begins to watch."""
        query = _SQL["watch" if self._sees_all else "watch_new"]
        await self._control.execute(sql.SQL(query).format(owner=sql.Literal(self._control.info.user)))

    async def undo(self) -> None:
        """Removes what instances have created. What else they have changed is `lost`."""
        query = _SQL["changes" if self._sees_all else "new"]
        changes = await (await self._control.execute(query.encode())).fetchall()
        try:
            async with self._control.transaction():
                await self._control.execute(f"set local lock_timeout = {LOCK_MILLISECONDS}".encode())
                for _, kind, identity, is_new, _ in changes:
                    if is_new and kind is not None:
                        await self._control.execute(f"drop {kind} if exists {identity} cascade".encode())
                if self._sees_all:
                    await self._control.execute("delete from cronproof.schema_changes")
        except psycopg.Error as error:
            self.lost = f"created {changes[0][2]}, which cannot be removed ({one_line(error)})"
        for tag, _, identity, is_new, is_same in changes:
            if not (is_new or is_same):
                self.lost = f"changed the schema ({' '.join(filter(None, (tag, identity)))})"
