"""A proxied connection of an instance: statements are held and observed, and faults injected."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Sequence
from typing import cast

from cronproof.domain.database import SqlError
from cronproof.gate.fault import FaultName
from cronproof.gate.footprint import EVERYTHING, NOTHING, Footprint
from cronproof.gate.point import Point
from cronproof.postgres.proxy import footprints, wire
from cronproof.postgres.proxy.footprints import Isolation, Observer
from cronproof.postgres.proxy.pieces import Pieces
from cronproof.postgres.proxy.route import Route
from cronproof.postgres.proxy.session_state import SessionState
from cronproof.postgres.proxy.upstream import End

# query_canceled, lock_not_available, transaction_timeout, idle_in_transaction_session_timeout
TIMEOUTS = frozenset({"57014", "55P03", "25P04", "25P03"})
NO_WAIT = "could not obtain lock"
"""What the server says to NOWAIT."""
SEPARATOR = ";\n"
# Sent in place of a statement that must fail. It fails like a statement timeout.
FAILING = "do $$begin raise exception 'canceling statement due to statement timeout' using errcode = '57014'; end$$"


class ProxySession:
    """One connection of the instance, and the one to the server that it is forwarded to."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.owner = route.instance
        self.client = End(self._client_sent)
        self.server = End(self._server_sent)
        self.client.other, self.server.other = self.server, self.client
        self.pid = 0
        self._messages: deque[bytes] = deque()
        self._input_arrived = asyncio.Event()
        self._started = False
        self._unanswered = 0
        self._extended = False
        self._answered = asyncio.Event()
        self._to_execute = 0
        self._failed = False
        self._executed = asyncio.Event()
        self._as_if_simple = False
        self._flushed = False
        self._logged_in = False
        self.state = SessionState()
        self.content = b""
        # What the open transaction has touched, None if unobserved; and whether one is open after
        # the statement.
        self.transaction: Footprint | None = NOTHING
        self.in_transaction = False
        # Whether the server's messages are dropped, and those that are held back for later.
        self._muted = False
        self._kept_back: bytearray | None = None
        # Whether the server rolls back, while the client only hears that the COMMIT failed.
        self._taking_back = False
        # For how long a transaction may read an old snapshot: locks do not show what that depends on.
        self._isolation: Isolation | None = None
        # Whether the statement's end can be told from the transaction's.
        self.is_separate = False
        # What the open transaction depends on beside tables.
        self.beyond_tables = NOTHING
        self._pieces = Pieces(self)

    @property
    def is_busy(self) -> bool:
        """Whether the server has yet to answer something, the login included."""
        return not self._pieces.is_held and (self._unanswered > 0 or self._flushed or not self._logged_in)

    @property
    def hears_later(self) -> bool:
        """Whether the server's messages are held back, so that the client gets them later."""
        return self._kept_back is not None

    @property
    def goes_on(self) -> bool:
        """Whether it is busy, or a statement or transaction is open."""
        return self.is_busy or self._pieces.is_held or self.in_transaction

    async def run(self) -> None:
        """Forwards both ways until either side closes, then closes the other."""
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, wire.ProtocolError):
                startup = await self._startup()
                await self.route.opened.wait()
                await self.route.upstream.connect(self.server)
                self.server.write(startup.packet)
                if startup.code == wire.CANCEL_REQUEST:
                    await self.server.lost.wait()  # the server acts on it, then closes
                    return
                self._isolation = footprints.find_isolation(startup.packet.decode("latin-1"))
                self._started = True
                self._client_sent()
                tasks = [
                    asyncio.create_task(one) for one in (self._from_client(), self._pieces.pass_points(), self._gone())
                ]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    ended = await asyncio.gather(*tasks, return_exceptions=True)
                for error in ended:
                    if isinstance(error, Exception):
                        raise error
        finally:
            self.route.pids.discard(self.pid)
            await self._pieces.forget()
            await self.server.close()
            await self.client.close()

    async def _gone(self) -> None:
        """Waits until the server has closed, and its messages are not held back."""
        await self.server.lost.wait()
        if self._kept_back is not None:
            await asyncio.Event().wait()  # `_inject`, which holds them back, closes

    async def _startup(self) -> wire.Startup:
        while True:
            self._input_arrived.clear()
            startup = wire.take_startup(self.client.buffer)
            if startup is None:
                if self.client.lost.is_set():
                    raise ConnectionResetError
                await self._input_arrived.wait()
            elif startup.code == wire.SSL_REQUEST and self.route.tls is not None:
                await self._encrypt(self.route.tls)
            elif startup.code in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
                self.client.write(wire.REFUSED)
            elif self.route.login is not None and startup.code != wire.CANCEL_REQUEST:
                return wire.as_login(startup, *self.route.login)
            else:
                return startup

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        self.client.write(wire.ACCEPTED)
        transport = self.client.transport
        assert transport is not None  # noqa: S101  (for the type checker: the request has come by it)
        loop = asyncio.get_running_loop()
        self.client.transport = cast(
            asyncio.Transport, await loop.start_tls(transport, self.client, context, server_side=True)
        )

    def _client_sent(self) -> None:
        self.route.activity += 1
        if self._started:
            try:
                self._messages += wire.take_messages(self.client.buffer)
            except wire.ProtocolError:
                self.client.lost.set()
        self._input_arrived.set()

    async def _next(self) -> bytes:
        while not self._messages:
            if self.client.lost.is_set():
                raise ConnectionResetError
            self._input_arrived.clear()
            await self._input_arrived.wait()
        return self._messages.popleft()

    async def _from_client(self) -> None:
        statements = wire.Statements()
        batch: list[bytes] = []
        executes: list[wire.Execution] = []
        while True:
            message = await self._next()
            kind = message[0]
            if kind in wire.NOT_PART_OF_A_BATCH:
                self.server.write(message)
                continue
            batch.append(message)
            execution = statements.executed_by(message)
            if execution is not None:
                executes.append(execution)
            if kind not in wire.ENDS_BATCH:
                continue
            await self._all_answered()
            self.route.used = True
            content, batch = batch, self._pieces.put_points(batch)
            if executes:
                sql = SEPARATOR.join([execution.sql for execution in executes])
                self.content = b"".join(content)
                claims = None if self.route.observer is None else self.route.observer.find_claim(sql)
                point = Point("statement", sql, claims)
                release = await self.route.gate.arrive(self.route.instance, point, self)
                self.owner = release.instance
                self._note_sent(executes)
                await self._pieces.take_apart(None if release.fault else self.route.gate.depth_of(point), executes)
                if release.fault is not None:
                    await self._inject(release.fault, batch, executes)
                    batch, executes = [], []
                    continue
                if self.route.observer is not None:
                    batch = await self._observe(self.route.observer, batch, executes)
            if kind in wire.AWAITS_READY:
                self._unanswered += 1
                self._extended = kind == ord("S")
            elif executes:
                self._flushed = True
            self.server.write(b"".join(batch))
            batch, executes = [], []

    def _note_sent(self, executes: Sequence[wire.Execution]) -> None:
        for execution in executes:
            if self._isolation != "session":
                self._isolation = footprints.find_isolation(execution.sql) or self._isolation
            self.state.apply(execution.sql)
            if self.route.observer is not None:
                self.route.observer.functions.note(execution.sql)
                self.beyond_tables |= self.route.observer.beyond_tables(execution.sql)

    async def _observe(self, observer: Observer, batch: list[bytes], executes: Sequence[wire.Execution]) -> list[bytes]:
        """Records what a batch touches, if the gate asks. Returns what of it is left to send."""
        kinds = {observer.kind_of(execution.sql) for execution in executes}
        last = batch[-1][0:1]
        self.is_separate = kinds == {"dml"} and last in (b"S", b"Q") and self._isolation is None
        # A statement that is taken apart may be observed from one of its later points on.
        if not self.route.gate.wants_footprint and (not self._pieces.are_held or not self.is_separate):
            self.transaction = EVERYTHING if "other" in kinds or self.transaction == EVERYTHING else None
            return batch
        if not self.is_separate:
            touched = EVERYTHING
            if len(executes) == 1 and kinds <= {"begin", "session", "notify"}:
                touched = NOTHING
            elif len(executes) == 1 and kinds == {"end"} and self._isolation is None:
                touched = await observer.end(self.pid, self.transaction)
            if self.transaction is not None:
                self.transaction |= touched
            self.route.gate.record_footprint(touched | self.beyond_tables)
            return batch
        before = self.transaction
        self._to_execute, self._failed, self._as_if_simple = len(executes), False, last == b"Q"
        self._executed.clear()
        self._flushed = True
        self.server.write(wire.as_extended(batch[0]) if self._as_if_simple else b"".join(batch[:-1]))
        self.server.write(wire.FLUSH)
        await self._executed.wait()
        touched = self.transaction = EVERYTHING
        if not self._failed and self.route.gate.wants_footprint:
            # Several statements cannot be told apart.
            execution = executes[0] if len(executes) == 1 else wire.Execution("")
            touched, self.transaction = await self._pieces.observe_end(observer) or await observer.statement(
                self.pid, execution, before, goes_on=self.in_transaction
            )
        elif not self._failed:
            self.transaction = None
        if self.route.gate.wants_footprint:
            self.route.gate.record_footprint(touched | self.beyond_tables)
        return [wire.SYNC]

    async def _inject(self, fault: FaultName, batch: list[bytes], executes: Sequence[wire.Execution]) -> None:
        """Injects a fault in place of sending a batch.

        Raises:
            ConnectionResetError: the fault ends the connection.
        """
        match fault:
            case "sql-error":
                ends = any(footprints.kind_of(execution.sql) == "end" for execution in executes)
                self._taking_back = ends and self.in_transaction
                failing = wire.query(("rollback;" if self._taking_back else "") + FAILING)
                self._unanswered, self._extended = self._unanswered + 1, False
                if batch[-1][0] == ord("H"):  # it is answered after the client's Sync
                    self._unanswered -= 1
                    failing = wire.as_extended(failing) + wire.FLUSH
                self.server.write(failing)
                return
            case "connection-lost-before":
                self._muted = True
            case "connection-lost-after":
                self._muted = True
                self._unanswered += 1
                self.server.write(b"".join(batch) + (wire.SYNC if batch[-1][0] == ord("H") else b""))
                await self._all_answered()
            case "database-restarts" if self.route.connections is not None:
                self._kept_back = bytearray()  # no client hears before all have lost it
                await self.route.connections.restart()
                await self.server.lost.wait()
                self.client.write(bytes(self._kept_back))
            case _:
                raise ValueError(f"{fault} cannot happen to a statement")
        if self._muted and self.route.connections is not None:
            await self.route.connections.end([self.pid])
        raise ConnectionResetError

    async def _all_answered(self) -> None:
        while self._unanswered > 0:
            self._answered.clear()
            await self._answered.wait()

    def _server_sent(self) -> None:
        self.route.activity += 1
        try:
            messages = wire.take_messages(self.server.buffer)
            passed = b"".join([message for message in messages if self._passes(message)])
        except wire.ProtocolError:
            self.server.lost.set()
            return
        if self._kept_back is None:
            self.client.write(passed)
        else:
            self._kept_back += passed

    def _passes(self, message: bytes) -> bool:
        """Notes what a server message says, and returns whether the client gets it."""
        kind = message[0:1]
        if kind in b"DT":
            return not self._muted
        if (self._as_if_simple and kind in b"12n") or (kind == b"N" and self._pieces.note(message)):
            return False
        match kind:
            case b"Z":
                self._as_if_simple = self._flushed = False
                self._logged_in = True
                self.in_transaction = message[5:6] != b"I"
                self._taking_back = False
                if not self.in_transaction:
                    self.transaction = self.beyond_tables = NOTHING
                    self._isolation = None if self._isolation == "transaction" else self._isolation
                self._unanswered = max(0, self._unanswered - 1)  # the first one ends the login
                self._answered.set()
            case b"C" if self._taking_back:
                return False
            case b"C" | b"I" | b"s":
                self._note_executed(kind, message)
            case b"G" if self._extended and self._unanswered:
                # During COPY FROM STDIN the server ignores the batch's Sync. The client sends
                # another one after the data.
                self._unanswered -= 1
                self._answered.set()
            case b"K" | b"E":
                self._note(kind, message)
            case _:
                pass
        return not self._muted

    def _note_executed(self, kind: bytes, message: bytes) -> None:
        self._to_execute -= 1
        if self._to_execute == 0:
            self._executed.set()
        if kind == b"C":
            self.route.gate.record_result(self.owner, wire.command_tag(message))

    def _note(self, kind: bytes, message: bytes) -> None:
        if kind == b"K":
            self.pid = wire.backend_pid(message)
            self.route.pids.add(self.pid)
            self.route.all_pids.add(self.pid)
        else:
            fields = wire.error_fields(message)
            if self._muted:
                return
            self.route.errors.append(SqlError(self.owner, fields.get("C", ""), fields.get("M", "")))
            self._pieces.end()
            is_late = fields.get("C") in TIMEOUTS and NO_WAIT not in fields.get("M", "")
            if is_late and self.route.gate.takes_apart:
                self.route.ran_out.append(fields.get("M", ""))
            self._failed = True
            self._executed.set()
