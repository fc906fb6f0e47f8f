"""Creates and drops the database of a run, and the roles that log in to it.

The database carries our comment, and its run holds an advisory lock on its name. If the lock is
free, the run has ended and the database may be dropped.
"""

import asyncio
import contextlib
import secrets
import string
import time
from collections.abc import AsyncIterator

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import dict_row

from cronproof.domain.database import ROLES, Role
from cronproof.errors import EnvironmentFailed
from cronproof.postgres.connect import connect, one_line
from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from cronproof.postgres.time_shift import TimeShift
from cronproof.sql_files import load_queries

NAME_PREFIX = "cronproof_"
OURS = "made by cronproof for one run"
SETUP_LOCK = 0x63726F6E  # one run at a time makes or drops the roles that all runs on a server share
DROP_SECONDS = 10.0
"""How long a session that the login may not end can delay the end of a run."""
_LOOK_SECONDS = 0.05
_SQL = load_queries(__file__)
_RIGHTS_NEEDED = {
    "createdb": "a database is made for each run",
    "createrole": "so are the roles that log in to it",
    "bypassrls": "service_role bypasses row-level security",
}


@contextlib.asynccontextmanager
async def create_database(server: Server, *, password: str | None = None) -> AsyncIterator[Database]:
    """Creates a database and its roles. Unless the server is disposable, they are dropped when the
    block ends. `password` is for the logins; by default it is random.

    Raises:
        EnvironmentFailed: the server cannot be reached, or its login may not create databases and roles.
    """
    async with await connect(server) as maintenance:
        await _check_rights(maintenance, server)
        if not server.disposable:
            await _drop_abandoned(maintenance)
        name = NAME_PREFIX + "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
        password = password or secrets.token_urlsafe(16)
        await maintenance.execute(_SQL["lock_name"].encode(), [name])
        await maintenance.execute("select pg_advisory_lock(%s)", [SETUP_LOCK])
        database = sql.Identifier(name)
        await maintenance.execute(sql.SQL("create database {} template template0 encoding 'UTF8'").format(database))
        try:
            await maintenance.execute(sql.SQL("comment on database {} is {}").format(database, sql.Literal(OURS)))
            async with await _connect(server, name) as control, await _connect(server, name) as other:
                await _make_roles(control, name, password, server)
                await maintenance.execute("select pg_advisory_unlock(%s)", [SETUP_LOCK])
                opened = Database(server, name, password, control, TimeShift(other))
                try:
                    yield opened
                finally:
                    if not server.disposable:  # else the database could not be dropped
                        await opened.roll_back_prepared()
        finally:
            if not server.disposable:
                await maintenance.execute("select pg_advisory_lock(%s)", [SETUP_LOCK])
                await _drop_at_the_end(maintenance, name)
                await maintenance.execute("select pg_advisory_unlock_all()")


async def _connect(server: Server, name: str) -> AsyncConnection:
    """Connects to the database of a run. What is prepared is planned once, not for each execution:
    to plan a digest takes ten times as long as to make it.
    """
    connection = await connect(server, dbname=name)
    await connection.execute("set timezone = 'UTC'; set plan_cache_mode = force_generic_plan")
    return connection


async def _check_rights(maintenance: AsyncConnection, server: Server) -> None:
    async with maintenance.cursor(row_factory=dict_row) as cursor:
        rights = await (await cursor.execute(_SQL["rights"].encode())).fetchone() or {}
    lacking = [f"{right.upper()} ({use})" for right, use in _RIGHTS_NEEDED.items() if not rights.get(right)]
    if lacking:
        raise EnvironmentFailed(
            f"the login {rights.get('name')!r} at {server.where} lacks {', '.join(lacking)}; "
            "use a login that has them, or --postgres embedded"
        )


async def _make_roles(control: AsyncConnection, name: str, password: str, server: Server) -> None:
    """Creates Supabase's roles if they are missing, and a login for each role of `ROLES`."""
    lacking = await (await control.execute(_SQL["lacking_roles"].encode(), [[*ROLES, "authenticator"]])).fetchall()
    try:
        await control.execute(_SQL["roles"].encode())
        for (role,) in lacking:
            await control.execute(sql.SQL("comment on role {} is {}").format(sql.Identifier(role), sql.Literal(OURS)))
        for role in ROLES:
            await _make_login(control, name, password, role)
        # From here on this database depends on the roles, so another run cannot drop them.
        await control.execute("grant usage on schema public to anon, authenticated, service_role, authenticator")
    except psycopg.errors.InsufficientPrivilege as error:
        raise EnvironmentFailed(
            f"the login at {server.where} cannot make the roles of a run ({one_line(error)}); before PostgreSQL 16 only a "
            "superuser can make one that bypasses row-level security: use one, or --postgres embedded"
        ) from None


async def _make_login(control: AsyncConnection, name: str, password: str, role: Role) -> None:
    login = sql.Identifier(f"{name}_{role}")
    # A new session starts as the role itself: `role` is a setting that the session can change.
    statements = ["create role {login} login inherit password {password}"]
    if role == "service_role":
        statements.append("alter role {login} bypassrls")
        statements.append("grant anon, authenticated to {login}")
    statements.append("grant {login} to current_user")  # a member may terminate its sessions
    statements += ["grant {role} to {login}", "alter role {login} set role = {value}"]
    for statement in statements:
        await control.execute(
            sql.SQL(statement).format(
                login=login, password=sql.Literal(password), role=sql.Identifier(role), value=sql.Literal(role)
            )
        )


async def _drop_abandoned(maintenance: AsyncConnection) -> None:
    """Drops what killed runs left: databases with our name and comment whose lock is free."""
    found = await (await maintenance.execute(_SQL["our_databases"].encode(), [NAME_PREFIX + "%", OURS])).fetchall()
    for (name,) in found:
        (free,) = await (await maintenance.execute(_SQL["try_lock_name"].encode(), [name])).fetchone() or (False,)
        if free:
            await maintenance.execute("select pg_advisory_lock(%s)", [SETUP_LOCK])
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                await _drop(maintenance, name)
            await maintenance.execute("select pg_advisory_unlock_all()")


async def _drop_at_the_end(maintenance: AsyncConnection, name: str) -> None:
    deadline = time.monotonic() + DROP_SECONDS
    while True:
        try:
            return await _drop(maintenance, name)
        except psycopg.errors.InsufficientPrivilege as error:
            if time.monotonic() > deadline:
                reason = f"{one_line(error)}; end the other session: a later run drops what is left"
                raise EnvironmentFailed(f"the database {name} cannot be dropped: {reason}") from error
        await asyncio.sleep(_LOOK_SECONDS)


async def _drop(maintenance: AsyncConnection, name: str) -> None:
    """Drops a database and its logins.

    Raises:
        InsufficientPrivilege: a superuser is connected to it, such as a monitor.
    """
    await maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
    for role in ROLES:
        await maintenance.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(f"{name}_{role}")))
    ours = await (await maintenance.execute(_SQL["our_roles"].encode(), [OURS])).fetchall()
    for (role,) in ours:
        # Another run still needs it, or another login made it.
        with contextlib.suppress(psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
            await maintenance.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
