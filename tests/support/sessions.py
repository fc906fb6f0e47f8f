"""Sessions of plain SQL instead of crons, as in a spec for Postgres' isolationtester."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import AsyncConnection

from cronproof.explore.execution_spec import ExecutionSpec
from cronproof.explore.executor import Environment, Executor
from cronproof.explore.explorer import policy_for
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.gate.gate import OpenGate
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.reset import Script


@dataclass(frozen=True)
class SessionsSummary:
    """An execution's outcome: rows and errors of each step, and the final tables."""

    outcome: str
    waits: int
    summary: str = ""
    inconclusive_reason: str | None = None
    failed: bool = False
    known: Sequence[str] = ()
    anomalies: Sequence[str] = ()
    is_recorded: bool = False


Program = Callable[[AsyncConnection], Awaitable[object]]
"""What a session does on its connection. Returns its result."""


@dataclass
class Sessions:
    """Sessions on open connections, each behind its own proxy."""

    database: Database
    programs: Mapping[str, Sequence[str] | Program]
    """What each session does: statements one after the other, or a program."""
    script: Script
    tables: Sequence[str]
    _proxies: dict[str, Proxy] = field(default_factory=dict)
    _connections: dict[str, AsyncConnection] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Sessions]:
        """Connects the sessions for the duration of the block."""
        async with contextlib.AsyncExitStack() as stack:
            for name in self.programs:
                proxy = Proxy(
                    name,
                    self.database.upstream,
                    OpenGate(),
                    observer=self.database.observer,
                    holder=self.database.inside,
                )
                await stack.enter_async_context(proxy.listening())
                url = self.database.url(proxy.port, "service_role")
                connecting = AsyncConnection.connect(url, autocommit=True, prepare_threshold=None)
                self._connections[name] = await stack.enter_async_context(await connecting)
                self._proxies[name] = proxy
            yield self

    async def execute(self, items: Sequence[WorkItem]) -> list[tuple[ExecutedSchedule, SessionsSummary]]:
        """Executes a batch."""
        return [await self._one(item) for item in items]

    async def _one(self, item: WorkItem) -> tuple[ExecutedSchedule, SessionsSummary]:
        policy = policy_for(item)
        await self.database.reset(self.script)
        executor = Executor(_Blockers(self), ExecutionSpec(known=item.known, observes=item.observes, apart=item.apart))
        came: dict[str, list[object]] = {name: [] for name in self.programs}

        async def call(name: str) -> None:
            program = self.programs[name]
            steps = [program] if callable(program) else [functools.partial(_execute, sql) for sql in program]
            for step in steps:
                try:
                    came[name].append(await step(self._connections[name]))
                except psycopg.Error as error:
                    came[name].append(error.sqlstate)

        for proxy in self._proxies.values():
            proxy.gate = executor
        executor.prepare({name: functools.partial(call, name) for name in self.programs})
        try:
            trace = await executor.run(policy)
        finally:
            await executor.abandon()
            for proxy in self._proxies.values():
                proxy.gate = OpenGate()
        for connection in self._connections.values():
            await connection.rollback()
        rows = await self.database.rows(self.tables)
        outcome = json.dumps([came, rows], default=str, sort_keys=True)
        return policy.executed(item, trace), SessionsSummary(outcome, len(trace.waits))

    async def blockers(self, name: str) -> list[str]:
        """The sessions that hold a lock for which this session waits."""
        whose = {pid: proxy.instance for proxy in self._proxies.values() for pid in proxy.pids}
        blockers = await self.database.blockers(list(self._proxies[name].pids), list(whose))
        return sorted({whose[pid] for pid in blockers if pid in whose})


async def _execute(statement: str, connection: AsyncConnection) -> object:
    cursor = await connection.execute(statement.encode())
    rows = sorted(await cursor.fetchall(), key=repr) if cursor.description else []
    return [cursor.statusmessage, rows]


class _Blockers(Environment):
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def blockers(self, instance: str) -> list[str]:
        return await self._sessions.blockers(instance)
