"""A proxy before a database, and a gate that records and holds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from psycopg import AsyncConnection

from cronproof.domain.database import Role
from cronproof.gate.gate import Channel, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy


class Turnstile(OpenGate):
    """A gate that records each arrival, and holds it while the gate is closed."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.somebody = asyncio.Event()

    async def arrive(self, instance: str, point: Point, line: Channel | None = None) -> Release:
        self.arrived.append(f"{instance}: {point.text}")
        self.somebody.set()
        await self.open.wait()
        return Release(instance)


@contextlib.asynccontextmanager
async def proxied(database: Database) -> AsyncIterator[tuple[Proxy, Turnstile]]:
    gate = Turnstile()
    proxy = Proxy("A", database.upstream, gate)
    async with proxy.listening():
        yield proxy, gate


@contextlib.asynccontextmanager
async def connected(database: Database, proxy: Proxy, role: Role = "service_role") -> AsyncIterator[AsyncConnection]:
    url = database.url(proxy.port, role)
    async with await AsyncConnection.connect(url, autocommit=True, prepare_threshold=None) as connection:
        yield connection
