"""The database of a run, as it is used while scenarios are executed.

`lifecycle.py` creates it. Outside it, a run only creates and drops databases and roles.
"""

import asyncio
import contextlib
import functools
import itertools
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cronproof.domain.database import ROLES, Role, Rows
from cronproof.domain.work import Units, Work, join_key
from cronproof.errors import EnvironmentFailed, UsageError
from cronproof.postgres.catalog import Catalog, Table, read_catalog, rows_query
from cronproof.postgres.claim_words import ClaimWords
from cronproof.postgres.connect import connect, is_superuser, one_line
from cronproof.postgres.digest import Digest, LoggedWrite, digest_query
from cronproof.postgres.inside import Inside
from cronproof.postgres.kept_rows import keep_rows
from cronproof.postgres.migration import apply_migration
from cronproof.postgres.proxy.footprints import Lock, Observer
from cronproof.postgres.proxy.upstream import Upstream
from cronproof.postgres.queries import ask, ask_function, find_read
from cronproof.postgres.query_plans import DISABLED, NO_STATISTICS, planned
from cronproof.postgres.reset import Emptying, Script, count_rows, find_refused, next_numbers, truncation
from cronproof.postgres.row_locks import RowLocks
from cronproof.postgres.schema_changes import SchemaChanges
from cronproof.postgres.server.server import Server
from cronproof.postgres.time_shift import TimeShift
from cronproof.postgres.units import WorkView, read_units, watch_works
from cronproof.sql_files import load_queries

TERMINATE_MILLISECONDS = 5000
RELEASE_SECONDS = 1.0
LOOK_SECONDS = 0.0005
_SQL = load_queries(__file__)


class Database:
    """A run's database. `control` is the owner's connection, which no instance uses."""

    def __init__(
        self, server: Server, name: str, password: str, control: AsyncConnection, time_shift: TimeShift
    ) -> None:
        self.name = name
        self.where = server.where if server.disposable else f"given {control.info.host}:{control.info.port}"
        self._server = server
        self.version = control.info.parameter_status("server_version") or "unknown"
        self._password = password
        self._control = control
        self._time_shift = time_shift
        self.catalog = Catalog({}, {}, (), (), ())
        self._emptying = Emptying(self.catalog)
        self._digest = b""
        self._ignored, self._scripts = frozenset[tuple[str, str]](), 0
        self._reset_at: datetime | None = None
        self._clock: datetime | None = None
        self._reset_by: str | None = None
        self._uuids: list[UUID] = []
        self._has_other_plans = False
        self._read: dict[str, Collection[str]] = {}
        self.inside = Inside(control)
        self.schema_changes = SchemaChanges(control)
        self.works: Sequence[WorkView] = ()
        """The declared work, with what the catalog says of it."""
        self.lockers: list[int] = []
        """The backends of `rows_locked`, which hold row locks and belong to no instance."""
        self.applied: list[tuple[Path, str]] = []
        """The migrations applied so far, each with its SHA-256."""

    @property
    def upstream(self) -> Upstream:
        """Where the server listens."""
        info = self._control.info
        if info.host.startswith("/"):
            return Upstream(socket=f"{info.host}/.s.PGSQL.{info.port}")
        return Upstream(host=info.hostaddr or info.host, port=info.port)

    @property
    def hosts(self) -> set[str]:
        """The names and addresses of the server's machine."""
        return {self._control.info.host, self._control.info.hostaddr}

    @property
    def conninfo(self) -> str:
        """The owner's connection string, without the password."""
        parts = conninfo_to_dict(self._server.conninfo) | {"dbname": self.name}
        parts.pop("password", None)
        return make_conninfo("", **parts)

    def login(self, role: Role) -> str:
        """Returns the name of the login with the rights of `role`."""
        return f"{self.name}_{role}"

    def url(self, port: int, role: Role) -> str:
        """Returns the URL of this database at a loopback port, for the login of `role`."""
        return f"postgresql://{self.login(role)}:{quote(self._password)}@127.0.0.1:{port}/{self.name}?sslmode=disable"

    async def migrate(self, files: Iterable[Path]) -> None:
        """Applies migrations in order, on a new connection, so that their settings end with it.

        Raises:
            UsageError: a file cannot be read, or Postgres refuses a statement at the given line.
        """
        async with await connect(self._server, dbname=self.name) as connection:
            for file in files:
                self.applied.append((file, await apply_migration(connection, file)))

    async def let_create(self) -> None:
        """Lets instances create what an application's own migrations do: tables, schemas, extensions that are trusted."""
        name = sql.Identifier(self.name)
        await self._control.execute(
            sql.SQL(
                "grant create on schema public to service_role; grant create on database {} to service_role"
            ).format(name)
        )

    async def prepare(self, works: Sequence[Work] = ()) -> None:
        """Reads the catalog, and creates the triggers that log claims of work.

        Raises:
            InvalidDeclarationError: what is declared of a work does not fit the schema.
            UsageError: the migrated schema cannot be used.
        """
        try:
            await self._control.execute(_SQL["grant"].encode())
            self.catalog = await read_catalog(self._control, ROLES)
            await self.inside.prepare()
            self.works = await watch_works(self._control, self.catalog, works)
            await self.schema_changes.watch()
            self.catalog = replace(self.catalog, kept=await keep_rows(self._control, self.catalog))
        except psycopg.Error as error:
            raise UsageError(f"the database that the migrations have made cannot be used: {one_line(error)}") from None
        self._emptying = Emptying(self.catalog)
        self.ignore(())
        await self._time_shift.prepare(self.catalog)

    async def script(self, inserts: Sequence[bytes], clock: datetime | None = None) -> Script:
        """Makes the script that resets the database to a scenario's rows, and runs it once.
        Times in the rows count from `clock` or, if it is None, from the server's time.

        Raises:
            psycopg.Error: the database refuses a row.
        """
        self._scripts += 1
        starts = [(sequence.name, sequence.start) for sequence in self.catalog.sequences]
        script = Script(f"reset_{self._scripts}", self._emptying, starts, inserts, clock)
        await self._control.execute(script.text)
        following = await self.fetch(next_numbers(self.catalog.sequences).encode())
        script.numbers = [(name, number or start) for (name, start), number in zip(starts, following[0], strict=True)]
        if tables := self.catalog.deletable:
            (counts,) = await self.fetch(count_rows(tables))
            script.sorted = [table for table, count in zip(tables, counts, strict=True) if count > 1]
            script.filled = list(itertools.compress(tables, counts))
        return script

    async def reset(self, script: Script) -> None:
        """Resets the database to a scenario's rows, in one round trip."""
        if not script.has_function:
            await self._control.execute(script.function)
            script.has_function = True
        self._reset_at, self._reset_by, is_disordered, sizes = await self._call(script)
        grown = [size > before for size, before in zip(sizes, script.sizes or sizes, strict=True)]
        script.sizes = script.sizes or sizes
        if is_disordered or any(grown):
            grown_tables = list(itertools.compress(script.filled, grown))
            await self._make_anew(script, list(dict.fromkeys([*script.sorted, *grown_tables])))
        self._uuids = script.uuids
        self._clock = script.clock or self._reset_at

    async def _make_anew(self, script: Script, tables: Sequence[Table]) -> None:
        """Has the rows of tables lie as they did at first, and the planner know them as it did."""
        with contextlib.suppress(psycopg.Error):  # a trigger may forbid it: then they lie as they lie
            await self._control.execute(truncation(tables))
        self._reset_at, self._reset_by, _, _ = await self._call(script)
        if not self._has_other_plans:
            await self.tidy([table.title for table in tables])

    async def _call(self, script: Script) -> tuple[datetime | None, str | None, bool, Sequence[int]]:
        cursor = await self._control.execute(script.call, prepare=True)
        return await cursor.fetchone() or (None, None, False, ())

    async def digest(self) -> Digest:
        """Returns the digest of the rows since the last reset, and the log of claim writes."""
        async with AsyncRawCursor(self._control) as cursor:  # no placeholder parsing: it is long
            about = [self._reset_at, self._reset_by, self._uuids, self._clock]
            await cursor.execute(self._digest, about, prepare=True)
            state, writes = await cursor.fetchone() or ("", [])
        return Digest(state, [LoggedWrite(pid, join_key(key), *rest) for pid, key, *rest in writes])

    def ignore(self, columns: Collection[tuple[str, str]]) -> None:
        """Leaves columns, by the table's title and their name, out of digests and of comparable rows."""
        self._ignored = frozenset(columns)
        self._digest = digest_query(self.catalog, self._ignored)

    def comparable(self, rows: Rows) -> Rows:
        """Returns the rows without what differs between executions: times and generated UUIDs."""
        given = {str(uuid) for uuid in self._uuids}
        return {
            table: [
                {
                    column: value if kinds.get(column) != "uuid" or value is None or value in given else "made up"
                    for column, value in row.items()
                    if (table, column) not in self._ignored
                }
                for row in of_table
            ]
            for table, of_table in self.catalog.without_times(rows).items()
            for kinds in [self.catalog.columns[table]]
        }

    async def refused(self, inserts: Sequence[bytes]) -> list[tuple[int, str]]:
        """Returns which statements an empty database refuses: their position, and the reason."""
        try:
            await self.script(inserts)
        except psycopg.Error:
            pass
        else:
            return []
        return await find_refused(self._control, self._emptying, inserts)

    async def rows(self, tables: Sequence[str]) -> Rows:
        """Returns the rows of the tables as JSON, in a fixed order."""
        if not tables:
            return {}
        fetched = await self.fetch(rows_query(tuple(map(self.catalog.by_title.__getitem__, tables))))
        return dict(zip(tables, fetched[0], strict=True))

    async def units(self) -> Mapping[str, Units]:
        """Returns the units of each work, by its name."""
        return await read_units(self._control, self.works)

    async def ask(self, query: str | Callable[[Any], Any], *, waits: bool = True) -> list[dict[str, Any]]:
        """Returns the rows of a query, or of a function over a connection, as JSON. It cannot write.

        Raises:
            psycopg.errors.LockNotAvailable: an instance has locked a whole table, and it does not wait.
            psycopg.Error: the database refuses it.
        """
        if not isinstance(query, str):
            return await asyncio.to_thread(ask_function, make_conninfo(self._server.conninfo, dbname=self.name), query)
        return await ask(self._control, query, waits=waits)

    async def find_read(self, query: str) -> Collection[str] | None:
        """Returns the tables that a query reads, named as in footprints; None if it may read any.

        A function may read what it did not read this time.
        """
        if self.inside.functions.calls_any(query):
            return None
        if query not in self._read:
            self._read[query] = await find_read(self._control, query, self._locks)
        return self._read[query]

    async def blockers(self, pids: Sequence[int], interesting: Sequence[int]) -> list[int]:
        """Returns which `interesting` backends hold a lock that one of `pids` waits for.

        As in Postgres' isolation tester, waits for other backends (autovacuum) do not count.
        """
        cursor = await self._control.execute(_SQL["blockers"].encode(), [list(pids), list(interesting)], prepare=True)
        return [blocker for (blocker,) in await cursor.fetchall()]

    @property
    def observer(self) -> Observer:
        """The observer of what statements touch in this database."""
        catalog = self.catalog
        tables = [catalog.by_title[view.work.table].name for view in self.works]
        return Observer(
            self._locks,
            catalog.deferred,
            catalog.opaque is not None,
            catalog.keyed,
            self.inside.functions,
            ClaimWords(tables, self.inside.functions).find,
        )

    async def _locks(self, backend_pid: int) -> list[Lock]:
        cursor = await self._control.execute(_SQL["locks"].encode(), [backend_pid], prepare=True)
        return await cursor.fetchall()

    async def terminate(self, pids: Sequence[int]) -> None:
        """Terminates the backends that are not idle, and waits until they are gone."""
        await self._control.execute(
            "select pg_terminate_backend(pid, %s) from pg_stat_activity where pid = any (%s) and state <> 'idle'",
            [TERMINATE_MILLISECONDS, list(pids)],
        )

    @contextlib.asynccontextmanager
    async def rows_locked(self, tables: Sequence[str]) -> AsyncIterator[RowLocks]:
        """Locks every row of the tables FOR SHARE while the block runs, so that nobody changes it."""
        names = [self.catalog.by_title[table].identifier for table in tables]
        async with contextlib.AsyncExitStack() as stack:
            locks = RowLocks(
                [name.as_string() for name in names],
                functools.partial(connect, self._server, dbname=self.name),
                self.lockers,
                stack,
            )
            await locks.lock(*(sql.SQL("select from {} for share").format(name) for name in names))
            yield locks

    async def find_held(self) -> tuple[int, str] | None:
        """Returns the first backend that keeps something from call to call, and what it does: an
        advisory lock, an open or prepared transaction, a temporary table. 0 if it is not known, and
        `OF_THE_SCHEMA` if instances have changed that.

        An open transaction may be about to end, as a connection goes back to its pool.
        """
        deadline = time.monotonic() + RELEASE_SECONDS
        while True:
            cursor = await self._control.execute(_SQL["held"].encode(), prepare=True)
            pid, what, may_end = await cursor.fetchone() or (0, None, False)
            if not may_end or time.monotonic() > deadline:
                return None if what is None else (pid, what)
            await asyncio.sleep(LOOK_SECONDS)

    async def roll_back_prepared(self) -> None:
        """Rolls back the prepared transactions, which no session ends and which keep their locks."""
        for gid, owner in await self.fetch(
            "select gid, owner from pg_prepared_xacts where database = current_database()"
        ):
            await self._control.execute(sql.SQL("set role {}").format(sql.Identifier(owner)))  # nobody else may
            await self._control.execute(sql.SQL("rollback prepared {}").format(sql.Literal(gid)))
            await self._control.execute("reset role")

    async def tidy(self, tables: Sequence[str]) -> None:
        """Vacuums and analyzes the tables, so that the planner does not count deleted rows."""
        names = sql.SQL(", ").join(self.catalog.by_title[table].identifier for table in tables)
        await self._control.execute(sql.SQL("vacuum (analyze) {}").format(names))

    @property
    def query_plans(self) -> list[str]:
        """The names of other plans that statements can be executed with. Only a superuser can make
        the server forget its statistics.
        """
        return [name for name in DISABLED if name != NO_STATISTICS or is_superuser(self._control)]

    @contextlib.asynccontextmanager
    async def planned(self, name: str, tables: Sequence[str]) -> AsyncIterator[None]:
        """Has the statements of new connections planned in another way while the block runs."""
        names = [self.catalog.by_title[table].identifier.as_string() for table in tables]
        async with planned(self._control, name, list(map(self.login, ROLES)), names):
            self._has_other_plans = True
            try:
                yield
            finally:
                self._has_other_plans = False
                if name == NO_STATISTICS:
                    await self.tidy(tables)

    async def end(self, pids: Sequence[int]) -> None:
        """Terminates the backends, and waits until they and their transactions are gone.

        It polls itself, since Postgres' own wait checks only ten times a second.

        Raises:
            EnvironmentFailed: a backend does not end in time.
        """
        deadline = time.monotonic() + TERMINATE_MILLISECONDS / 1000
        await self._control.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) as pid", [list(pids)])
        while await self.fetch("select from pg_stat_activity where pid = any (%s) limit 1", [list(pids)]):
            if time.monotonic() > deadline:
                raise EnvironmentFailed(f"a connection did not end within {TERMINATE_MILLISECONDS / 1000:g} s")
            await asyncio.sleep(LOOK_SECONDS)

    async def shift_time(self, elapsed: timedelta) -> None:
        """Moves the times of all rows into the past by `elapsed`, or forward if it is negative.

        Raises:
            psycopg.errors.LockNotAvailable: an instance holds locks on them.
        """
        await self._time_shift.shift(elapsed)

    async def shift_written(self, elapsed: timedelta) -> None:
        """Moves the times that were written since the reset into the past. Given rows do not grow older.

        Raises:
            psycopg.errors.LockNotAvailable: an instance holds locks on them.
        """
        assert self._reset_at is not None  # noqa: S101  (for the type checker: there was a reset)
        await self._time_shift.shift_written(elapsed, since=self._reset_at, by=str(self._reset_by))

    async def fetch(self, query: Any, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Runs a query as the owner, and returns its rows."""
        return await (await self._control.execute(query, parameters)).fetchall()
