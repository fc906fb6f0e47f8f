"""Points inside statements: triggers at which a backend can be held, by advisory locks that nobody else asks for.

A backend says by a message of the level INFO that it has come to a point. The proxy takes the message
out of the stream, and lets the backend go on when its instance may.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

import psycopg
from psycopg import AsyncConnection, sql

from cronproof.gate.point import Depth
from cronproof.postgres.functions import Functions
from cronproof.postgres.instrumented import Function
from cronproof.sql_files import load_queries

Lock = Literal["on", "rows", "go", "turn", "next"]

CLASSES: dict[Lock, int] = {name: 0x63700001 + number for number, name in enumerate(get_args(Lock))}
"""The first number of each advisory lock. The second is the backend's process id."""
# Triggers fire in the order of their names' bytes, and no character of UTF-8 has higher ones than this.
LAST = "\U0010fffd"
_EVERYWHERE: frozenset[Lock] = frozenset({"on", "go", "rows"})
_ROWS: frozenset[Lock] = frozenset({"rows"})
_SQL = load_queries(__file__)


@dataclass
class Inside:
    """Holds backends of a database inside their statements. `control` is the connection that has the locks."""

    control: AsyncConnection
    functions: Functions = field(default_factory=Functions)
    """The functions of the application."""
    _held: dict[int, frozenset[Lock]] = field(default_factory=dict)
    """The locks that are held on each backend."""

    async def prepare(self) -> None:
        """Reads the functions of the application."""
        functions = await (await self.control.execute(_SQL["functions"].encode())).fetchall()
        of_extensions = await (await self.control.execute(_SQL["of_extensions"].encode())).fetchall()
        self.functions.read([Function(*row) for row in functions], [name for (name,) in of_extensions])

    async def install(self) -> None:
        """Creates the points, unless they are there."""
        if self.functions.have_points:
            return
        await self.prepare()  # there may be others by now
        literals = {name: sql.Literal(number) for name, number in CLASSES.items()}
        await self.control.execute(sql.SQL(_SQL["points"]).format(**literals, last=sql.Literal(LAST)))
        ((have_points,),) = await (await self.control.execute(b"select cronproof_points.put_on_all()")).fetchall()
        self.functions.tables_have_points = have_points
        await self._may_create(_SQL["later"].encode())
        for function in self.functions:
            copy = function.instrumented
            if function.wants_points and (copy is None or not await self._may_create(copy.encode())):
                self.functions.without_points.add(function)
        self.functions.have_points = True

    async def _may_create(self, statement: bytes) -> bool:
        """Whether points can be created. What is of another owner goes without."""
        try:
            await self.control.execute(statement)
        except psycopg.Error:
            return False
        return True

    async def hold(self, pid: int, depth: Depth | None) -> None:
        """Has a backend, which does nothing now, stop at the points of its next statement, or at none."""
        await self._change(pid, frozenset() if depth is None else _EVERYWHERE)

    async def let_go(self, pid: int, *, rows: bool) -> None:
        """Lets a backend go on from its point. `rows`: it stops before the next row."""
        before = self._held.get(pid, frozenset())
        await self._change(pid, before | _ROWS if rows else before - _ROWS)
        await self.control.execute(_LET_GO, {"pid": pid}, prepare=True)

    async def forget(self, pid: int) -> None:
        """Holds a backend no longer. If it is at a point, it goes on."""
        if self._held.pop(pid, None) is not None:  # whoever let it go may have been cancelled half-way
            calls = ", ".join(f"pg_advisory_unlock({number}, {pid})" for number in CLASSES.values())
            await self.control.execute(f"select {calls}".encode())

    async def _change(self, pid: int, wanted: frozenset[Lock]) -> None:
        held = self._held.get(pid, frozenset())
        if held == wanted:
            return
        calls = [f"pg_advisory_unlock({CLASSES[lock]}, {pid})" for lock in sorted(held - wanted)]
        calls += [f"pg_advisory_lock({CLASSES[lock]}, {pid})" for lock in sorted(wanted - held)]
        self._held[pid] = wanted
        await self.control.execute(f"select {', '.join(calls)}".encode())


_LET_GO = _SQL["let_go"].format(**CLASSES).encode()
