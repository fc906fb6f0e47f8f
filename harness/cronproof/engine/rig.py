"""The rig of a scenario: its database, services, target and proxies, and the gate that stands before all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cronproof.domain.database import Role
from cronproof.explore.quiescence import IdleProbe
from cronproof.gate.gate import SHARED, SOMEBODY_ELSE, Channel, Gate, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.services.services import Services
from cronproof.targets.target import IsIdle, Target


@dataclass
class Rig:
    """What a scenario is executed on. It outlives the scenario."""

    database: Database
    services: Services
    target: Target
    proxies: Sequence[Proxy]
    must_reconnect: set[tuple[str, Role]] = field(default_factory=set)
    """Instances, by role, whose connections were ended. How they reconnect is no part of an execution."""
    has_channels: bool = False
    """Whether instances do several things at once."""
    stray: list[str] = field(default_factory=list)
    """What instances did while none was called."""

    @contextlib.contextmanager
    def gated_by(self, gate: Gate) -> Iterator[None]:
        """Has every point pass a gate for as long as the block runs. Afterwards whoever passes is noted as stray."""
        self._set_gate(gate)
        try:
            yield
        finally:
            self._set_gate(_StrayGate(stray=self.stray))

    def _set_gate(self, gate: Gate) -> None:
        for proxy in self.proxies:
            proxy.gate = gate
        self.services.gate = gate

    def proxy_of(self, instance: str) -> Proxy:
        """The proxy of an instance."""
        return next(proxy for proxy in self.proxies if proxy.instance in (instance, SHARED))

    @property
    def probe(self) -> IdleProbe | None:
        """Tells whether an instance is at rest; None where nobody can."""
        return None if self.target.is_idle is None else _Probe(self.target.is_idle, self.proxy_of, self.target.activity)

    async def blockers(self, instance: str) -> list[str]:
        """The instances that hold a lock for which this one waits."""
        busy = self.proxy_of(instance).busy_pids(instance)
        if not busy:
            return []
        owners = {pid: owner for proxy in self.proxies for pid, owner in proxy.owners.items()}
        owners |= dict.fromkeys(self.database.lockers, SOMEBODY_ELSE)
        found: set[int] = set()
        # Of several statements at once all must wait: as long as one does not, the instance may go on.
        for pids in [[pid] for pid in busy] if self.has_channels else [busy]:
            blockers = await self.database.blockers(pids, list(owners))
            if not blockers:
                return []
            found.update(blockers)
        return sorted({owners[pid] for pid in found if pid in owners})

    async def kill(self, name: str) -> None:
        """Kills an instance, and returns when nothing of it is left in the database."""
        proxy = self.proxy_of(name)
        pids = list(proxy.pids)
        await self.target.kill(name)
        await proxy.hang_up()
        await self.database.terminate(pids)  # what the server still does for it would be done behind the next step

    async def terminate(self) -> None:
        """Ends what the instances have left open in the database."""
        await self.database.terminate([pid for proxy in self.proxies for pid in proxy.pids])

    def take_stray(self, first: str | None = None) -> str | None:
        """Why an execution is not separate from others, if it is not: what happened before a call or behind its end."""
        found = first or next(iter(self.stray), None)
        self.stray.clear()
        if found is None or not self.target.is_external:
            return None
        return f"{found}: a run that is over goes on; let the cron wait for all it does, or say `restart: true`"

    async def shift_time(self, time: timedelta) -> None:
        """Lets so much time pass, for rows and for messages. A negative time turns it back."""
        await self.database.shift_time(time)
        self.services.shift_time(time)


@dataclass
class _StrayGate(OpenGate):
    """The gate while nobody is called."""

    stray: list[str] = field(default_factory=list)

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        """Notes who passes, and returns at once."""
        self.stray.append(f"{instance} did something after it had answered ({point.label})")
        return await super().arrive(instance, point, channel)


@dataclass(frozen=True)
class _Probe:
    """Tells by its process, its connections and its endpoints whether an instance is at rest."""

    idle: IsIdle
    proxy: Callable[[str], Proxy]
    exchanged: Callable[[str], int]

    def is_idle(self, name: str) -> bool:
        """Whether nothing of the instance's process runs."""
        return self.idle(name)

    def is_busy(self, name: str) -> bool:
        """Whether the instance waits for an answer of the database."""
        return self.proxy(name).is_busy

    def activity(self, name: str) -> int:
        """A number that grows with everything that the instance exchanges."""
        return self.proxy(name).activity + self.exchanged(name)
