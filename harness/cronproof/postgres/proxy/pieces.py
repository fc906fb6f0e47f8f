"""The pieces of a session's statements: where they are held inside, and what each piece touches."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from cronproof.gate.footprint import EVERYTHING, Footprint
from cronproof.gate.gate import Channel, Release
from cronproof.gate.point import Depth
from cronproof.postgres.proxy import arrival, footprints, wire
from cronproof.postgres.proxy.arrival import Arrival, Before, Functions
from cronproof.postgres.proxy.footprints import Observer
from cronproof.postgres.proxy.named_rows import KeyedTable, find_inserted, find_named_rows
from cronproof.postgres.proxy.route import Route


class Session(Channel, Protocol):
    """The session whose statements they are."""

    route: Route
    owner: str
    pid: int
    is_separate: bool
    """Whether the statement's end can be told from the transaction's."""
    in_transaction: bool
    """Whether a transaction was open before the statement."""
    transaction: Footprint | None
    """What the open transaction has touched; None if unobserved."""
    beyond_tables: Footprint
    """What the open transaction depends on beside tables."""


class Pieces:
    """The pieces of a session's statements."""

    def __init__(self, session: Session) -> None:
        """The session's statements stay whole, until one is to be taken apart."""
        self.is_held = False
        """Whether the session is held inside a statement."""
        self._session = session
        self._depth: Depth | None = None
        self._statement = ""
        self._is_single = True
        """Whether it is one statement. Later ones of a batch take snapshots that no point comes before."""
        self._begin: Before = "start"
        """Where the current piece began."""
        self._is_first = True
        """Whether it is the first one of its statement."""
        self._arrivals: asyncio.Queue[Arrival] = asyncio.Queue()
        self._arriving: asyncio.Future[Release] | None = None
        """The arrival at the gate of the point at which it is held."""
        self._rows = 0
        """How many rows the statement has come to."""

    @property
    def are_held(self) -> bool:
        """Whether the current statement is taken apart."""
        return self._depth is not None

    async def take_apart(self, depth: Depth | None, executes: Sequence[wire.Execution]) -> None:
        """Has the server stop inside a batch that is sent next, unless it stays whole.

        What can be done with it is recorded, where anybody wants to know.
        """
        route = self._session.route
        holder, gate = route.holder, route.gate
        self._depth, self._is_first, self._rows = None, True, 0
        self._statement = ";\n".join(execution.sql for execution in executes)
        self._is_single = len(executes) == 1
        if holder is None:
            return
        if depth is not None or gate.wants_footprint:
            keyed = route.observer.keyed if route.observer is not None else {}
            is_divisible = _is_divisible(holder.functions, keyed, executes)
            locks_unseen = any(footprints.locks_rows(execution.sql) for execution in executes)
            gate.record_statement(is_divisible=is_divisible, locks_unseen=locks_unseen)
            self._depth = depth if is_divisible else None
            self._begin = holder.functions.begin_of(self._statement) if self._is_single else "start"
        await holder.hold(self._session.pid, self._depth)

    def put_points(self, batch: list[bytes]) -> list[bytes]:
        """Returns a batch with points in its blocks of code, and in the functions that it creates."""
        holder = self._session.route.holder
        if holder is None or not holder.functions.have_points:
            return batch
        return [wire.with_text(message, holder.functions.put_points) for message in batch]

    def note(self, message: bytes) -> bool:
        """Returns whether a notice is that of a point inside a statement, and notes it then."""
        fields = wire.error_fields(message)
        if fields.get("C") not in arrival.CODES:
            return False
        found = arrival.parse_arrival(fields["M"])
        if found.kind == "row":
            self._rows += 1
            found = replace(found, number=self._rows)
            self._session.route.gate.record_row(found.row)
        if fields["C"] == arrival.HELD:
            self._arrivals.put_nowait(found)
        return True

    async def pass_points(self) -> None:
        """Passes the gate at each point inside a statement, for as long as the session lasts.

        Raises:
            AbandonedError: the execution was abandoned.
        """
        session = self._session
        while True:
            found = await self._arrivals.get()
            if found.kind == "command" and self._is_first:  # nothing has happened since it was released
                await self._let_go(found)
                continue
            await self._observe(found)
            self.is_held = True
            arriving = asyncio.ensure_future(session.route.gate.arrive(session.owner, found.point, session))
            self._arriving = arriving
            try:
                await asyncio.wait([arriving])
            finally:
                self.is_held = False
                arriving.cancel()
            if arriving.cancelled():  # the statement has ended where it was held
                continue
            arriving.result()
            await self._let_go(found)

    def end(self) -> None:
        """Notes that the statement has failed. If it was held, it is at that point no more."""
        if self._arriving is not None:
            self._arriving.cancel()

    async def _let_go(self, found: Arrival) -> None:
        """Lets it go on from a point. It stops before the next row if that is wanted, or if it is the first row
        of a statement that is a transaction of its own: nobody else sees later what that has locked.
        """
        session = self._session
        rows = self._depth == "rows" or (found.kind != "row" and not session.in_transaction)
        if session.route.holder is not None:
            await session.route.holder.let_go(session.pid, rows=rows)

    async def _observe(self, found: Arrival) -> None:
        """Records what the statement has touched since its last point, if the gate asks."""
        begin, self._begin, self._is_first = self._begin, found.following, False
        session = self._session
        observer, gate = session.route.observer, session.route.gate
        if observer is None or not gate.wants_footprint:
            return
        touched = EVERYTHING
        functions, statement = observer.functions, self._statement
        if session.is_separate and not (begin in {"start", "write", "code"} and functions.reads_unseen(statement)):
            touched, session.transaction = await observer.piece(
                session.pid, begin, found.kind, is_transparent=self._is_single and functions.is_transparent(statement)
            )
        gate.record_footprint(touched | session.beyond_tables)

    async def observe_end(self, observer: Observer) -> tuple[Footprint, Footprint] | None:
        """Returns what the last piece of a statement has touched, and what its transaction has touched in
        all; None if the statement was whole.
        """
        session = self._session
        if self._is_first:
            return None
        return await observer.piece(
            session.pid,
            self._begin,
            None,
            is_transparent=self._is_single and observer.functions.is_transparent(self._statement),
            goes_on=session.in_transaction,
        )

    async def forget(self) -> None:
        """Holds the session no longer. If it is at a point, it goes on."""
        if self._session.route.holder is not None:
            await self._session.route.holder.forget(self._session.pid)


def _is_divisible(functions: Functions, keyed: Mapping[str, KeyedTable], executes: Sequence[wire.Execution]) -> bool:
    """Whether anything can happen inside a batch. A query reads by one snapshot. Who changes one row that
    is named, or inserts one, does so at once, whatever others do.
    """
    if not any(functions.has_points(execution.sql) for execution in executes):
        return False
    if len(executes) > 1:
        return True
    named = find_named_rows(executes[0], keyed)
    return (named is None or len(named[1]) > 1) and find_inserted(executes[0].sql) not in keyed
