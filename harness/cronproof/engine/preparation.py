"""Prepares executions: sets up the scenario's rows and services, and starts and warms up its instances."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from cronproof.domain.choice import Data
from cronproof.engine.rig import Rig
from cronproof.engine.warmup import find_cold, warm_up
from cronproof.explore.quiescence import NotAtRest
from cronproof.postgres.reset import Script
from cronproof.scenario.scenario import Scenario
from cronproof.scenario.when import When


@dataclass(frozen=True)
class Setting:
    """What an execution starts from: the database script, the keys that services accept, and the
    owners of each credential.
    """

    script: Script
    api_keys: frozenset[str]
    credentials: Mapping[str, frozenset[str]]


@dataclass
class Preparation:
    """Brings the rig of a scenario to where each execution starts from."""

    scenario: Scenario
    when: When
    setting: Callable[[Data], Awaitable[Setting]]
    """Makes what an execution starts from, given which values were drawn."""
    rig: Rig
    _settings: dict[Data, Setting] = field(default_factory=dict)
    _hung: str | None = None
    """Why nothing can be executed, if so: the first call did not end."""
    _held: str | None = None
    """Why the next execution depends on what was before it, for example on what a session still holds."""

    @property
    def fault(self) -> str | None:
        """Why the next execution would prove nothing, if so."""
        lost = self.rig.database.schema_changes.lost
        return (
            self._hung or (lost and f"an instance has {lost}: no later call begins as the first one did") or self._held
        )

    async def reset(self, data: Data, *, restart: bool) -> None:
        """Resets rows, services and proxies, and makes sure that the instances run and are warm.
        `restart` asks for new processes.

        Raises:
            EnvironmentFailed: an instance does not start.
        """
        await self.rig.target.reset(restart=restart)
        self._held = None
        cold = find_cold(self.rig, self.when.instance_list, self.scenario.given.role)
        if cold:
            try:
                await self.rig.wait_until_started([instance.name for instance in cold])
            except NotAtRest as error:
                self._held = str(error)
            for proxy in self.rig.proxies:
                proxy.accept_sessions()
        # Instances that restart for every execution are always cold, so they need no warm-up.
        for instance, calls in {}.items() if restart else cold.items():
            for _ in range(calls):
                await self._set_up(data, restart=restart)
                try:
                    if await warm_up(self.rig, instance, self.when.method):
                        break
                except NotAtRest as error:
                    self._hung = f"{error}, when it was called for the first time"
                await self.rig.target.revive()  # some processes end when they lose a connection
        self.rig.accept_new_sessions()
        await self._set_up(data, restart=restart)
        if cold:  # what a process does at its start does not matter
            self.rig.stray.clear()

    async def find_setting(self, data: Data) -> Setting:
        """Returns what executions with these drawn values start from."""
        if data not in self._settings:
            self._settings[data] = await self.setting(data)
        return self._settings[data]

    async def _set_up(self, data: Data, *, restart: bool) -> None:
        given = self.scenario.given
        if restart:  # no call was made before that a session could remember
            await self.rig.database.schema_changes.undo()
        else:  # a lock would block the reset
            self._held = await self.rig.end_what_is_held() or self._held
        setting = await self.find_setting(data)
        await self.rig.database.reset(setting.script)
        self.rig.services.api_keys = setting.api_keys
        self.rig.services.credentials = setting.credentials
        self.rig.target.set_clock(given.clock)
        self.rig.services.reset(given)
        for proxy in self.rig.proxies:
            proxy.forget()
