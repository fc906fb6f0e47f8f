"""The rig of a scenario: its database, services, target and proxies, and their gate."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cronproof.domain.application import Application
from cronproof.domain.database import ROLES, Role
from cronproof.evidence.variation import Path
from cronproof.explore.quiescence import IdleProbe, wait_until_quiet
from cronproof.gate.fault import SIGTERM, FaultName
from cronproof.gate.gate import SHARED, SOMEBODY_ELSE, Channel, Gate, OpenGate, Release
from cronproof.gate.point import Point
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.schema_changes import OF_THE_SCHEMA
from cronproof.services.services import Services
from cronproof.targets.target import IsIdle, Target

COLUMN = 3
"""Where the column is in the path of a value of a row: `rows`, the table, `*`, the column."""


@dataclass
class Rig:
    """What a scenario is executed on. Its parts outlive the scenario."""

    database: Database
    services: Services
    target: Target
    proxies: Sequence[Proxy]
    must_reconnect: set[tuple[str, Role]] = field(default_factory=set)
    """Instances and roles whose connections were ended. They must reconnect before an execution."""
    application: Application = field(default_factory=Application)
    has_channels: bool = False
    """Whether instances do several things at once."""
    has_cut_sessions: bool = False
    """Whether sessions were ended although they carried nothing from call to call."""
    stray: list[tuple[str, str]] = field(default_factory=list)
    """What instances did while none was called: which one, and what."""
    varying: set[Path] = field(default_factory=set)
    """Where equal executions differ: in generated values of responses and rows."""
    shared: dict[str, str] = field(default_factory=dict)
    """What instances were seen to share outside our control."""

    @contextlib.contextmanager
    def gated_by(self, gate: Gate) -> Iterator[None]:
        """Sends every point through a gate while the block runs. Later points count as stray."""
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
        """Returns the proxy of an instance."""
        return next(proxy for proxy in self.proxies if proxy.instance in (instance, SHARED))

    @property
    def owners(self) -> dict[int, str]:
        """Each connected backend, with the instance that used it last."""
        return {pid: owner for proxy in self.proxies for pid, owner in proxy.owners.items()}

    @property
    def probe(self) -> IdleProbe | None:
        """The probe that tells whether an instance is at rest; None if the target cannot tell."""
        return None if self.target.is_idle is None else _Probe(self.target.is_idle, self.proxy_of, self.target.activity)

    async def blockers(self, instance: str) -> list[str]:
        """Returns the instances that hold a lock for which this one waits."""
        busy = self.proxy_of(instance).busy_pids(instance)
        if not busy:
            return []
        owners = self.owners | dict.fromkeys(self.database.lockers, SOMEBODY_ELSE)
        found: set[int] = set()
        # An instance waits only if all its concurrent statements do. Otherwise it may continue.
        for pids in [[pid] for pid in busy] if self.has_channels else [busy]:
            blockers = await self.database.blockers(pids, list(owners))
            if not blockers:
                return []
            found.update(blockers)
        return sorted({owners[pid] for pid in found if pid in owners})

    async def end(self, name: str, fault: FaultName) -> bool:
        """Kills an instance, or sends it SIGTERM. Returns whether it has ended: then nothing of it is left in the database."""
        proxy = self.proxy_of(name)
        pids = list(proxy.pids)
        if fault == SIGTERM and not await self.target.terminate(name):
            if self.probe is not None:
                await wait_until_quiet(self.probe, name)
            return False
        await self.target.kill(name)
        await proxy.hang_up()
        await self.database.terminate(pids)  # else its statements could outlast the step
        return True

    async def terminate(self) -> None:
        """Ends the instances' connections to the database."""
        await self.database.terminate([pid for proxy in self.proxies for pid in proxy.pids])

    async def end_what_is_held(self) -> str | None:
        """Ends the sessions if one carries something from call to call. Returns what it is."""
        held = await self.database.find_held()
        if held and held[0] == OF_THE_SCHEMA:
            await self.database.schema_changes.undo()
            held = await self.database.find_held()
        found = held or next(filter(None, (proxy.find_held() for proxy in self.proxies)), None)
        if found is None:
            return None
        pid, what = found
        owner = self.owners.get(pid, SHARED)
        await self._reconnect([pid] if pid else [])
        await self.database.roll_back_prepared()
        return (
            f"{'an instance' if owner == SHARED else owner} {what} after its call has ended, so later calls depend on "
            "earlier ones: let each call leave its session as it was, or set `restart: true`"
        )

    async def _reconnect(self, more: Collection[int] = ()) -> None:
        """Ends the sessions of all instances, and of `more` backends. Returns when the instances can
        know it: what they still send would be held at a point that is about to vanish.
        """
        pids = [*(pid for proxy in self.proxies for pid in proxy.pids), *more]
        await self.database.end(pids)
        await asyncio.gather(*(proxy.wait_until_closed(pids) for proxy in self.proxies))
        self.must_reconnect.update((proxy.instance, role) for proxy in self.proxies for role in ROLES)

    @contextlib.asynccontextmanager
    async def planned(self, name: str, tables: Sequence[str]) -> AsyncIterator[None]:
        """Has the statements of instances planned in another way while the block runs."""
        async with self.database.planned(name, tables):
            await self._reconnect()
            self.has_cut_sessions = True
            yield
        await self._reconnect()
        self.has_cut_sessions = True

    def accept_new_sessions(self) -> None:
        """Takes what sessions hold now for a part of their beginning, if cut sessions were made anew: a
        pool may set up each connection.
        """
        if self.has_cut_sessions:
            self.has_cut_sessions = False
            for proxy in self.proxies:
                proxy.accept_sessions()

    def find_ran_out(self) -> str | None:
        """Returns which timeout of the application has ended a statement that was held inside, if any."""
        for proxy in self.proxies:
            for message in proxy.ran_out:
                return f"{proxy.instance} was held inside a statement for longer than it may take ({message}): set `inside: none`"
        return None

    def look_for_shared(self, instance: str) -> None:
        """Notes what an instance shares outside our control."""
        if shared := self.target.find_shared(instance):
            self.shared[instance] = shared

    def take_stray(self, first: str | None = None) -> str | None:
        """Returns why an execution is not isolated, if something ran before or after its calls."""
        found = first or next(
            (f"{name} did something after it had answered ({what})" for name, what in self.stray), None
        )
        self.stray.clear()
        if found is None or not self.target.is_external:
            return None
        return f"{found}: an earlier call still works; let the cron await all its work, or set `restart: true`"

    async def wait_until_started(self, started: Sequence[str]) -> None:
        """Waits until instances that were just started do nothing more. What they did does not count.

        Raises:
            NotAtRest: one does something all the time.
        """
        if self.probe is not None:
            for name in started:
                await wait_until_quiet(self.probe, name)
        self.stray[:] = [(name, what) for name, what in self.stray if name not in started]

    def ignore(self, varying: Collection[Path]) -> None:
        """Leaves values out of the comparison of executions, those of rows by table and column."""
        self.varying.update(varying)
        self.database.ignore(
            {(path[1], path[COLUMN]) for path in self.varying if path[0] == "rows" and len(path) > COLUMN}
        )

    async def shift_time(self, time: timedelta, *, only_written: bool = False) -> None:
        """Shifts the time of rows and messages forward, or back if `time` is negative. `only_written`:
        of rows, only the times that were written since the reset.
        """
        await (self.database.shift_written(time) if only_written else self.database.shift_time(time))
        self.services.shift_time(time)


@dataclass
class _StrayGate(OpenGate):
    """The gate between executions."""

    stray: list[tuple[str, str]] = field(default_factory=list)

    async def arrive(self, instance: str, point: Point, channel: Channel | None = None) -> Release:
        """Records the point as stray, and returns at once."""
        self.stray.append((instance, point.label))
        return await super().arrive(instance, point, channel)


@dataclass(frozen=True)
class _Probe:
    """Tells whether an instance is at rest, from its process, connections and endpoints."""

    idle: IsIdle
    proxy: Callable[[str], Proxy]
    exchanged: Callable[[str], int]

    def is_idle(self, name: str) -> bool:
        """Whether nothing of the instance's process runs."""
        return self.idle(name)

    def is_busy(self, name: str) -> bool:
        """Whether the instance waits for an answer from the database."""
        return self.proxy(name).is_busy

    def activity(self, name: str) -> int:
        """Returns a counter of everything that the instance exchanges."""
        return self.proxy(name).activity + self.exchanged(name)
