"""The database that a run works in: what is done with it while scenarios are executed.

It was made by the run (`lifecycle.py`). Nothing but CREATE DATABASE, CREATE ROLE and their opposites happens outside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cronproof.domain.database import ROLES, Role, Rows
from cronproof.domain.work import UNITS, is_claim_column
from cronproof.errors import EnvironmentFailed, UsageError
from cronproof.postgres.catalog import Catalog, read_catalog
from cronproof.postgres.connect import connect, one_line
from cronproof.postgres.digest import Digest, LoggedWrite, digest_query
from cronproof.postgres.migration import apply_migration
from cronproof.postgres.proxy.footprints import Lock, Observer
from cronproof.postgres.proxy.upstream import Upstream
from cronproof.postgres.reset import Emptying, Script, next_numbers
from cronproof.postgres.server.server import Server
from cronproof.postgres.time_shift import shift_statements
from cronproof.sql_files import load_queries

TERMINATE_MILLISECONDS = 5000
LOOK_SECONDS = 0.0005
_SQL = load_queries(__file__)


class Database:
    """One run's database. `control` is the owner's connection: it is no instance and holds no lock for long."""

    def __init__(self, server: Server, name: str, password: str, control: AsyncConnection) -> None:
        self.name = name
        self.where = server.where if server.disposable else f"given {control.info.host}:{control.info.port}"
        self._server = server
        self.version = control.info.parameter_status("server_version") or "unknown"
        self._password = password
        self._control = control
        self.catalog = Catalog({}, {}, (), (), ())
        self._emptying = Emptying(self.catalog)
        self._digest = b""
        self._scripts = 0
        self._reset_at: datetime | None = None
        self._clock: datetime | None = None
        self._reset_by: str | None = None
        self._uuids: list[UUID] = []
        self._shifts: dict[timedelta, bytes] = {}
        self.lockers: list[int] = []
        """The backends that hold rows locked, and belong to no instance."""
        self.applied: list[tuple[Path, str]] = []
        """The migrations so far, each with its SHA-256."""

    @property
    def upstream(self) -> Upstream:
        """Where the server listens."""
        info = self._control.info
        if info.host.startswith("/"):
            return Upstream(socket=f"{info.host}/.s.PGSQL.{info.port}")
        return Upstream(host=info.hostaddr or info.host, port=info.port)

    @property
    def conninfo(self) -> str:
        """How its owner connects to it, without a password."""
        parts = conninfo_to_dict(self._server.conninfo) | {"dbname": self.name}
        parts.pop("password", None)
        return make_conninfo("", **parts)

    def login(self, role: Role) -> str:
        """The login with the rights of `role`."""
        return f"{self.name}_{role}"

    def url(self, port: int, role: Role) -> str:
        """The URL of this database at a loopback port, for a login with the rights of `role`."""
        return f"postgresql://{self.login(role)}:{quote(self._password)}@127.0.0.1:{port}/{self.name}?sslmode=disable"

    async def migrate(self, files: Iterable[Path], edited: Mapping[str, str] | None = None) -> None:
        """Applies migrations, in order, on a connection of their own: whatever they set for it ends with it. `edited` are
        those with other texts than their files have, by their names from the root of the repository.

        Raises:
            UsageError: a file cannot be read, or Postgres refuses a statement; with file, line and Postgres' words.
        """
        async with await connect(self._server, dbname=self.name) as connection:
            for file in files:
                text = (edited or {}).get(f"{file.parent.name}/{file.name}")
                self.applied.append((file, await apply_migration(connection, file, text)))

    async def prepare(self) -> None:
        """Reads the catalog, and has claims logged from now on.

        Raises:
            UsageError: what the migrations have made cannot be worked with.
        """
        try:
            self.catalog = await read_catalog(self._control, ROLES)
            await self._control.execute(_SQL["claim_log"].encode())
            for column in filter(is_claim_column, self.catalog.columns.get(UNITS, {})):
                await self._control.execute(_claim_trigger(column))
        except psycopg.Error as error:
            raise UsageError(f"the database that the migrations have made cannot be used: {one_line(error)}") from None
        self._emptying = Emptying(self.catalog)
        self._digest = digest_query(self.catalog)

    async def script(self, inserts: Sequence[bytes], clock: datetime | None = None) -> Script:
        """What empties every table, restarts sequences behind the ids that are given, and inserts a scenario's rows, whose
        times count from `clock` where it is not the server's.

        Raises:
            psycopg.Error: the database refuses a row.
        """
        self._scripts += 1
        sequences = self.catalog.sequences
        starts = [(sequence.name, sequence.start) for sequence in sequences]
        script = Script(f"reset_{self._scripts}", self._emptying, starts, inserts, clock)
        await self._control.execute(script.text)
        following = await self.fetch(next_numbers(sequences).encode())
        script.numbers = [(name, number or start) for (name, start), number in zip(starts, following[0], strict=True)]
        return script

    async def reset(self, script: Script) -> None:
        """Makes the database what a scenario finds, in one round trip."""
        if not script.has_function:
            await self._control.execute(script.function)
            script.has_function = True
        cursor = await self._control.execute(script.call, prepare=True)
        self._reset_at, self._reset_by, _ = await cursor.fetchone() or (None, None, None)
        self._uuids = script.uuids
        self._clock = script.clock or self._reset_at

    async def digest(self) -> Digest:
        """What has become of the rows since the last reset, and who wrote which claim."""
        async with AsyncRawCursor(self._control) as cursor:  # no looking for placeholders in a query of this length
            about = [self._reset_at, self._reset_by, self._uuids, self._clock]
            await cursor.execute(self._digest, about, prepare=True)
            state, writes = await cursor.fetchone() or ("", [])
        return Digest(state, [LoggedWrite(*write) for write in writes])

    def comparable(self, rows: Rows) -> Rows:
        """The rows with nothing of times but whether they are there, and of UUIDs that were made up, no more."""
        given = {str(uuid) for uuid in self._uuids}
        return {
            table: [
                {
                    column: value if kinds.get(column) != "uuid" or value is None or value in given else "made up"
                    for column, value in row.items()
                }
                for row in of_table
            ]
            for table, of_table in self.catalog.without_times(rows).items()
            for kinds in [self.catalog.columns[table]]
        }

    async def refused(self, inserts: Sequence[bytes]) -> list[tuple[int, str]]:
        """Which of the statements the empty database refuses, by position, and why. Nothing of it stays."""
        try:
            await self.script(inserts)
        except psycopg.Error:
            pass
        else:
            return []
        refused = []
        async with self._control.transaction(force_rollback=True):
            await self._control.execute(self._emptying.text)
            for position, statement in enumerate(inserts):
                try:
                    async with self._control.transaction():
                        await self._control.execute(statement)
                except psycopg.Error as error:
                    refused.append((position, str(error.diag.message_primary or error)))
        return refused

    async def rows(self, tables: Sequence[str]) -> Rows:
        """The rows of the tables, each as JSON, ordered by their first column."""
        if not tables:
            return {}
        fetched = await self.fetch(_rows_of(tuple(tables)))
        return dict(zip(tables, fetched[0], strict=True))

    async def blockers(self, pids: Sequence[int], interesting: Sequence[int]) -> list[int]:
        """Which of the `interesting` backends hold a lock that one of `pids` waits for.

        The question is that of Postgres' own isolation tester: waits for anybody else, autovacuum for one, do not count.
        """
        cursor = await self._control.execute(_SQL["blockers"].encode(), [list(pids), list(interesting)], prepare=True)
        return [blocker for (blocker,) in await cursor.fetchall()]

    @property
    def observer(self) -> Observer:
        """What finds out what statements touch."""
        catalog = self.catalog
        return Observer(self._locks, catalog.deferred, opaque=catalog.opaque is not None, keyed=catalog.keyed)

    async def _locks(self, backend_pid: int) -> list[Lock]:
        cursor = await self._control.execute(_SQL["locks"].encode(), [backend_pid], prepare=True)
        return await cursor.fetchall()

    async def terminate(self, pids: Sequence[int]) -> None:
        """Ends those of the backends that are busy or in a transaction, and returns when they are gone."""
        await self._control.execute(
            "select pg_terminate_backend(pid, %s) from pg_stat_activity where pid = any (%s) and state <> 'idle'",
            [TERMINATE_MILLISECONDS, list(pids)],
        )

    @contextlib.asynccontextmanager
    async def rows_locked(self, table: str) -> AsyncIterator[None]:
        """Holds every row of a table locked for as long as the block runs, by the weakest lock that keeps others from writing."""
        async with await connect(self._server, dbname=self.name) as locker:
            self.lockers.append(locker.info.backend_pid)
            try:
                await locker.execute("begin")
                await locker.execute(sql.SQL("select from public.{} for share").format(sql.Identifier(table)))
                yield
            finally:
                self.lockers.remove(locker.info.backend_pid)
                await locker.execute("rollback")

    async def tidy(self, tables: Sequence[str]) -> None:
        """Has the planner know that the tables are small, and makes them so: else it goes by rows that are long gone."""
        names = sql.SQL(", ").join(sql.Identifier("public", table) for table in tables)
        await self._control.execute(sql.SQL("vacuum (analyze) {}").format(names))

    async def end(self, pids: Sequence[int]) -> None:
        """Ends the backends, whatever they do, and returns when they are gone with their transactions.

        Asked to wait for that itself, Postgres looks ten times a second.

        Raises:
            EnvironmentFailed: one does not end.
        """
        deadline = time.monotonic() + TERMINATE_MILLISECONDS / 1000
        await self._control.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) as pid", [list(pids)])
        while await self.fetch("select from pg_stat_activity where pid = any (%s) limit 1", [list(pids)]):
            if time.monotonic() > deadline:
                raise EnvironmentFailed(f"a connection did not end within {TERMINATE_MILLISECONDS / 1000:g} s")
            await asyncio.sleep(LOOK_SECONDS)

    async def shift_time(self, elapsed: timedelta) -> None:
        """Lets time pass, for all rows. A negative time turns it back.

        Raises:
            psycopg.errors.LockNotAvailable: an instance holds rows.
        """
        is_superuser = self._control.info.parameter_status("is_superuser") == "on"
        if elapsed not in self._shifts:
            self._shifts[elapsed] = shift_statements(self.catalog, elapsed, is_superuser=is_superuser)
        try:
            await self._control.execute(self._shifts[elapsed])
        except psycopg.Error:
            await self._control.execute("rollback")
            raise

    async def fetch(self, query: Any, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query, as the owner sees them."""
        return await (await self._control.execute(query, parameters)).fetchall()


@functools.lru_cache(maxsize=256)
def _rows_of(tables: tuple[str, ...]) -> bytes:
    """The query for the rows of tables, one column of JSON for each."""
    part = sql.SQL("(select coalesce(json_agg(to_jsonb(t) order by to_jsonb(t)), '[]') from public.{} as t)")
    parts = [part.format(sql.Identifier(table)) for table in tables]
    return sql.SQL("select {}").format(sql.SQL(", ").join(parts)).as_bytes()


def _claim_trigger(column: str) -> sql.Composed:
    """The trigger that logs when a unit of work is claimed by a column, or given back."""
    trigger = sql.SQL(_SQL["claim_trigger"])
    return trigger.format(
        name=sql.Identifier(f"cronproof_{column}"),
        table=sql.Identifier("public", UNITS),
        column=sql.Identifier(column),
        text=sql.Literal(column),
    )
