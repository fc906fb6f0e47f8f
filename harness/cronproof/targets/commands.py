"""Commands: each call is a process of its own, whose exit status and output are the response.

Most crons are commands: of a crontab, a Kubernetes CronJob, a framework's management command.
"""

import asyncio
import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from cronproof.domain.database import Role
from cronproof.domain.instance import CronResponse, Instance
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.services.services import Services
from cronproof.targets.config import TargetConfig
from cronproof.targets.external import External, Server
from cronproof.targets.process import OF_A_CHILD, Process


class Commands(External):
    """A command. The processes of an execution are started together, and held at their first contact until
    they are called: to start a process takes longer than everything else.
    """

    def __init__(self, name: str, config: TargetConfig, database: Database, services: Services, logs: Path) -> None:
        super().__init__(name, config, database, services, logs)
        self.can_die = self.restarts = True
        self.takes_signals = Process.can_tell_whether_idle
        self._proxies: dict[str, Proxy] = {}
        self._ahead: set[Instance] = set()
        """The instances whose process was started, and not called yet."""
        self._left: dict[str, str] = {}
        """What each instance has left running when its command ended."""

    async def prepare(self, proxies: Mapping[str, Proxy], role: Role) -> None:
        """Opens the endpoints of the instances. Their processes are started when they are called."""
        self._proxies |= proxies
        await super().prepare(proxies, role)

    async def _start(self, servers: Sequence[Server]) -> None:
        """Starts nothing."""

    def cold(self, instances: Sequence[Instance]) -> Sequence[Instance]:  # noqa: ARG002  (whoever they are)
        """Returns none: no process outlives its call."""
        return []

    async def reset(self, *, restart: bool) -> None:  # noqa: ARG002  (all are new anyway)
        """Kills what is left of the last execution."""
        await self.abandon()
        self._interrupted = None
        self._left.clear()

    async def revive(self) -> Sequence[str]:
        """Returns none: processes end with their calls. What has ended one is kept for `find_interrupted`."""
        self._interrupted = self.find_interrupted()
        return []

    async def abandon(self) -> None:
        """Kills the processes that still run."""
        await super().abandon()
        self._ahead.clear()

    async def begin(self, instances: Sequence[Instance]) -> None:
        """Starts the processes of the instances, all at once."""
        await asyncio.gather(*map(self._spawn, instances))
        self._ahead.update(instances)

    async def call(self, instance: Instance, *, method: str, secret: str | None) -> CronResponse | None:  # noqa: ARG002  (a command has neither)
        """Lets the instance's process go on, and waits for its end. Returns None if it was killed."""
        if instance not in self._ahead:
            await self._spawn(instance)
        self._ahead.discard(instance)
        process, proxy = self._process_of(instance.name), self._proxies[instance.name]
        earlier = set(proxy.all_pids)
        self._set_held(instance.name, held=False)
        code = await process.wait()
        left = None if process.is_ended_here else await process.end_what_is_left()
        if left is not None:
            self._left[instance.name] = left
        await process.kill()  # what it has started ends with it
        await proxy.hang_up()  # else it could be told that its backends end
        await self._database.end(list(proxy.all_pids - earlier))  # one may still be at work on what nobody waits for
        if process.is_ended_here or code == -signal.SIGKILL:
            return None
        text = process.read_output()
        try:
            body = json.loads(text)
        except ValueError:
            body = text
        return CronResponse(instance.name, code if code >= 0 else OF_A_CHILD - code, body, is_exit=True)

    def complaint(self, response: CronResponse) -> str | None:
        """Returns what is wrong with a command: that it does not end with its process."""
        left = self._left.get(response.instance)
        if left is None:
            return None
        return (
            f"{response.instance} leaves a process running when its command has ended ({left}): what that does is not held; "
            "have the command run in the foreground"
        )

    def _is_idle(self, name: str) -> bool:
        process = self._process_of(name)
        return process.exit_code is not None or not process.is_started or process.is_idle

    async def _spawn(self, instance: Instance) -> None:
        process = self._process_of(instance.name)
        await process.kill()
        self._set_held(instance.name, held=True)
        await process.start({"cron": instance.cron})

    def _process_of(self, name: str) -> Process:
        process = self._servers[name, self._role].process
        assert process is not None  # noqa: S101  (for the type checker: each of them has one)
        return process

    def _set_held(self, name: str, *, held: bool) -> None:
        """Holds whatever contacts the database or a service, or lets it go on."""
        for held_at in (self._proxies[name].opened, self._endpoints[name].opened):
            if held:
                held_at.clear()
            else:
                held_at.set()
