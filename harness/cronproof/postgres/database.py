"""The database that a run works in: made by the run, under a name of its own, and dropped at its end.

Nothing but CREATE DATABASE, CREATE ROLE and their opposites happens outside it. Its comment says whose it is, and the
run holds an advisory lock for it: a database with our comment and a free lock has lost its run and may be dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import string
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from cronproof.errors import EnvironmentFailed, UsageError
from cronproof.postgres import catalog, migration, reset, time_shift
from cronproof.postgres.catalog import Catalog
from cronproof.postgres.digest import Digest, FlagWrite, digest_query
from cronproof.postgres.proxy.footprints import Lock, Observer
from cronproof.postgres.proxy.proxy import Upstream
from cronproof.postgres.reset import Emptying, Script
from cronproof.postgres.server.server import UNCLEAR_DSN, Server

Role = Literal["service_role", "anon", "authenticated"]
ROLES: tuple[Role, ...] = ("service_role", "anon", "authenticated")

NAME_PREFIX = "cronproof_"
OURS = "made by cronproof for one run"
SETUP_LOCK = 0x63726F6E  # one run at a time makes or drops the roles that all runs on a server share
CONNECT_SECONDS = 10
TERMINATE_MILLISECONDS = 5000
LOOK_SECONDS = 0.0005
ONLY_ON_REQUEST = 1_000_000  # a statement is prepared after so many times, or at once when it asks for that

Rows = dict[str, list[dict[str, Any]]]


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
        self._ageing: dict[timedelta, bytes] = {}
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
        async with await _connect(self._server, self._server.conninfo, dbname=self.name) as connection:
            for file in files:
                text = (edited or {}).get(f"{file.parent.name}/{file.name}")
                self.applied.append((file, await migration.apply(connection, file, text)))

    async def prepare(self) -> None:
        """Reads the catalog, and has writes of `*_sent_at` logged from now on.

        Raises:
            UsageError: what the migrations have made cannot be worked with.
        """
        try:
            self.catalog = await catalog.read(self._control, ROLES)
            await self._control.execute(_FLAG_LOG)
            for column in self.catalog.columns.get("jobs", {}):
                if column.endswith("_sent_at"):
                    await self._control.execute(_log_writes_of(column))
        except psycopg.Error as error:
            raise UsageError(f"the database that the migrations have made cannot be used: {_line(error)}") from None
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
        following = await self.fetch(reset.following(sequences))
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
        """What has become of the rows since the last reset, and who wrote which `*_sent_at`."""
        async with AsyncRawCursor(self._control) as cursor:  # no looking for placeholders in a query of this length
            about = [self._reset_at, self._reset_by, self._uuids, self._clock]
            await cursor.execute(self._digest, about, prepare=True)
            state, writes = await cursor.fetchone() or ("", [])
        return Digest(state, [FlagWrite(*write) for write in writes])

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
        cursor = await self._control.execute(_BLOCKERS, [list(pids), list(interesting)], prepare=True)
        return [blocker for (blocker,) in await cursor.fetchall()]

    @property
    def observer(self) -> Observer:
        """What finds out what statements touch."""
        catalog = self.catalog
        return Observer(self._locks, catalog.deferred, opaque=catalog.opaque is not None, keyed=catalog.keyed)

    async def _locks(self, backend_pid: int) -> list[Lock]:
        cursor = await self._control.execute(_LOCKS, [backend_pid], prepare=True)
        return await cursor.fetchall()

    async def terminate(self, pids: Sequence[int]) -> None:
        """Ends those of the backends that are busy or in a transaction, and returns when they are gone."""
        await self._control.execute(
            """
            select pg_terminate_backend(pid, %s) from pg_stat_activity where pid = any (%s) and state <> 'idle'
            """,
            [TERMINATE_MILLISECONDS, list(pids)],
        )

    @contextlib.asynccontextmanager
    async def jobs_locked(self) -> AsyncIterator[None]:
        """Holds every job locked for as long as the block runs, by the weakest lock that keeps others from writing."""
        async with await _connect(self._server, self._server.conninfo, dbname=self.name) as locker:
            self.lockers.append(locker.info.backend_pid)
            try:
                await locker.execute("begin")
                await locker.execute("select from public.jobs for share")
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

    async def age(self, elapsed: timedelta) -> None:
        """Lets time pass, for all rows; a negative time turns it back.

        Raises:
            psycopg.errors.LockNotAvailable: an instance holds rows.
        """
        is_superuser = self._control.info.parameter_status("is_superuser") == "on"
        if elapsed not in self._ageing:
            self._ageing[elapsed] = time_shift.statements(self.catalog, elapsed, is_superuser=is_superuser)
        try:
            await self._control.execute(self._ageing[elapsed])
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


@contextlib.asynccontextmanager
async def created(server: Server, *, password: str | None = None) -> AsyncIterator[Database]:
    """A new database on the server, dropped with its roles when the block ends. Its logins have a password of their own,
    unless one is given.

    Raises:
        EnvironmentFailed: the server cannot be reached, or its login may not create databases and roles.
    """
    async with await _connect(server, server.conninfo) as maintenance:
        await _check_rights(maintenance, server)
        if not server.disposable:
            await _drop_abandoned(maintenance)
        name = NAME_PREFIX + "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
        password = password or secrets.token_urlsafe(16)
        await maintenance.execute(_LOCK_NAME, [name])
        await maintenance.execute("select pg_advisory_lock(%s)", [SETUP_LOCK])
        database = sql.Identifier(name)
        await maintenance.execute(sql.SQL("create database {} template template0 encoding 'UTF8'").format(database))
        try:
            await maintenance.execute(sql.SQL("comment on database {} is {}").format(database, sql.Literal(OURS)))
            async with await _connect(server, server.conninfo, dbname=name) as control:
                await control.execute("set timezone = 'UTC'")
                await _make_roles(control, name, password, server)
                await maintenance.execute("select pg_advisory_unlock(%s)", [SETUP_LOCK])
                yield Database(server, name, password, control)
        finally:
            if not server.disposable:
                await maintenance.execute("select pg_advisory_lock(%s)", [SETUP_LOCK])
                await _drop(maintenance, name)
                await maintenance.execute("select pg_advisory_unlock_all()")


async def _connect(server: Server, conninfo: str, **parameters: Any) -> AsyncConnection:
    try:
        return await AsyncConnection.connect(
            conninfo,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            prepare_threshold=ONLY_ON_REQUEST,
            client_encoding="utf8",
            **parameters,
        )
    except psycopg.Error as error:
        # Of a DSN that is mistyped, libpq's words may repeat what was meant to be the password.
        reason = f": {_line(error)}" if server.where != UNCLEAR_DSN else "; is a character in it not percent-encoded?"
        raise EnvironmentFailed(f"no Postgres answers at {server.where}{reason}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


async def _check_rights(maintenance: AsyncConnection, server: Server) -> None:
    async with maintenance.cursor(row_factory=dict_row) as cursor:
        rights = await (await cursor.execute(_RIGHTS)).fetchone() or {}
    lacking = [f"{right.upper()} ({use})" for right, use in _RIGHTS_NEEDED.items() if not rights.get(right)]
    if lacking:
        raise EnvironmentFailed(
            f"the login {rights.get('name')!r} at {server.where} lacks {', '.join(lacking)}; "
            "use a login that has them, or --postgres embedded"
        )


async def _make_roles(control: AsyncConnection, name: str, password: str, server: Server) -> None:
    """Supabase's roles where the server lacks them, and three logins of the run's own, one with the rights of each."""
    lacking = await (await control.execute(_LACKING_ROLES, [[*ROLES, "authenticator"]])).fetchall()
    try:
        await migration.apply(control, migration.REFERENCE / "01-roles.sql")
        for (role,) in lacking:
            await control.execute(sql.SQL("comment on role {} is {}").format(sql.Identifier(role), sql.Literal(OURS)))
        for role in ROLES:
            await _make_login(control, name, password, role)
        # From here on this database needs the roles: another run that ends now cannot drop them.
        await control.execute("grant usage on schema public to anon, authenticated, service_role, authenticator")
    except (UsageError, psycopg.errors.InsufficientPrivilege) as error:
        raise EnvironmentFailed(
            f"the login at {server.where} cannot make the roles of a run ({_line(error)}); before PostgreSQL 16 only a "
            "superuser can make one that is beyond row-level security: use one, or --postgres embedded"
        ) from None


async def _make_login(control: AsyncConnection, name: str, password: str, role: Role) -> None:
    login = sql.Identifier(f"{name}_{role}")
    # A new session begins as the role itself, though it may become one of the others: `role` is a setting.
    statements = ["create role {login} login inherit password {password}"]
    if role == "service_role":
        statements.append("alter role {login} bypassrls")
        statements.append("grant anon, authenticated to {login}")
    statements.append("grant {login} to current_user")  # whoever is a member may end its sessions
    statements += ["grant {role} to {login}", "alter role {login} set role = {value}"]
    for statement in statements:
        await control.execute(
            sql.SQL(statement).format(
                login=login, password=sql.Literal(password), role=sql.Identifier(role), value=sql.Literal(role)
            )
        )


async def _drop_abandoned(maintenance: AsyncConnection) -> None:
    """Drops what runs left behind that were killed: databases with our name and comment whose lock nobody holds."""
    found = await (await maintenance.execute(_OUR_DATABASES, [NAME_PREFIX + "%", OURS])).fetchall()
    for (name,) in found:
        (free,) = await (await maintenance.execute(_TRY_LOCK_NAME, [name])).fetchone() or (False,)
        if free:
            await maintenance.execute("select pg_advisory_lock(%s)", [SETUP_LOCK])
            await _drop(maintenance, name)
            await maintenance.execute("select pg_advisory_unlock_all()")


async def _drop(maintenance: AsyncConnection, name: str) -> None:
    await maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
    for role in ROLES:
        await maintenance.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(f"{name}_{role}")))
    ours = await (await maintenance.execute(_OUR_ROLES, [OURS])).fetchall()
    for (role,) in ours:
        # Another run still needs it, or another login made it.
        with contextlib.suppress(psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
            await maintenance.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def _log_writes_of(column: str) -> sql.Composed:
    return sql.SQL(
        """
        create trigger {name} after update on public.jobs
        for each row when (old.{column} is distinct from new.{column})
        execute function cronproof.log_flag_write({text})
        """
    ).format(
        name=sql.Identifier(f"cronproof_{column}"),
        column=sql.Identifier(column),
        text=sql.Literal(column),
    )


_LOCK_NAME = "select pg_advisory_lock(hashtextextended(%s, 0))"
_TRY_LOCK_NAME = "select pg_try_advisory_lock(hashtextextended(%s, 0))"

_RIGHTS = """
    select rolname as name, rolsuper or rolcreatedb as createdb, rolsuper or rolcreaterole as createrole,
        rolsuper or rolbypassrls as bypassrls
    from pg_roles where rolname = current_user
"""
_RIGHTS_NEEDED = {
    "createdb": "a database is made for each run",
    "createrole": "so are the roles that log in to it",
    "bypassrls": "service_role is beyond row-level security",
}

_LACKING_ROLES = "select name from unnest(%s::text[]) as name where to_regrole(name) is null"

_OUR_DATABASES = """
    select datname from pg_database
    where datname like %s and shobj_description(oid, 'pg_database') = %s and pg_has_role(datdba, 'usage')
"""

_OUR_ROLES = "select rolname from pg_roles where shobj_description(oid, 'pg_authid') = %s"

# A wait counts when the server has looked for a deadlock since it began (after deadlock_timeout, 1 ms where the server is
# ours): then that look cannot come behind the next step, and of a deadlock the last one to wait is always the victim.
_BLOCKERS = """
    select blocker from unnest(%s::int[]) as waiting, unnest(pg_blocking_pids(waiting)) as blocker
    where pg_catalog.pg_isolation_test_session_is_blocked(waiting, %s::int[]) and exists (
        select from pg_locks where pid = waiting and waitstart < clock_timestamp() - interval '4 milliseconds'
    )
"""

# Of no matter are what belongs to a table, views, temporary tables, and our own log. Of the system's tables and of
# foreign ones nothing is known: who changes them holds no lock here.
_LOCKS = """
    select l.locktype, l.mode, case
        when l.locktype <> 'relation' then ''
        when n.nspname in ('cronproof', 'pg_toast') or c.relkind in ('i', 'I', 't', 'v', 'c') or c.relpersistence = 't' then null
        when n.nspname in ('pg_catalog', 'information_schema') or c.relkind = 'f' then ''
        else coalesce(n.nspname || '.' || c.relname, '')
    end, coalesce(c.relkind = 'S', false)
    from pg_locks as l
    left join pg_class as c on c.oid = l.relation
    left join pg_namespace as n on n.oid = c.relnamespace
    where l.pid = %s
"""

# Who wrote a mark, and in which order, cannot be read off the rows afterwards. The log is in a schema of its own, and
# whoever writes a mark writes the log with the owner's rights; a rollback takes both back.
_FLAG_LOG = """
    create schema cronproof;
    create table cronproof.flag_writes (
        id bigserial primary key, backend_pid int not null, job_id jsonb, sent_column text not null,
        is_set boolean not null
    );
    create function cronproof.log_flag_write() returns trigger language plpgsql security definer
    set search_path = '' as $$
    begin
        insert into cronproof.flag_writes (backend_pid, job_id, sent_column, is_set)
        values (pg_backend_pid(), to_jsonb(new) -> 'id', tg_argv[0], to_jsonb(new) ->> tg_argv[0] is not null);
        return null;
    end
    $$;
"""
