"""The floors of an exploration: the same instances without control, and the bare statements of one schedule."""

import time
from urllib.parse import quote

from psycopg import AsyncConnection

from cronproof.domain.database import Role
from cronproof.engine.scenario_runner import ScenarioRunner
from cronproof.engine.session import Session
from cronproof.explore.policy import SchedulePolicy
from cronproof.postgres.database import Database
from cronproof.targets import imported, in_process

RUNS = 300


class _Direct(Database):
    """A database whose instances are told to connect to the server itself."""

    def __init__(self, database: Database) -> None:
        self.__dict__ = database.__dict__

    def url(self, port: int, role: Role) -> str:  # noqa: ARG002  (of the proxy that is left out)
        info = self._control.info
        return f"postgresql://{self.name}_{role}:{quote(self._password)}@/{self.name}?host={info.host}&port={info.port}"


async def serial_rate(opened: Session, stage: ScenarioRunner) -> tuple[float, float]:
    """Runs a second: of the instances one after the other with a reset before, and of their statements alone."""
    target = in_process.InProcess(
        "direct",
        imported.find_factory(opened.plan.target_config),
        _Direct(opened.database),
        opened.services,
        opened.plan.target_config,
    )
    async with target.running():
        await target.prepare({proxy.instance: proxy for proxy in stage.rig.proxies}, "service_role")
        with target.isolated():
            started = time.monotonic()
            for _ in range(RUNS):
                await stage.reset()
                for instance in stage.instances:
                    await target.call(instance, method="GET", secret=target.secret)
            serial = RUNS / (time.monotonic() - started)
    with opened.target.isolated():
        run = await stage.play("one-after-the-other", SchedulePolicy)
    statements = [step.point.text for step in run.steps if step.point.kind == "statement"]
    # Parameters are not kept; statements that need some are replaced by one of the same round trip.
    bare = [text.encode() if "$" not in text else b"select 1" for text in statements]
    async with await AsyncConnection.connect(opened.database.conninfo, autocommit=True) as connection:
        started = time.monotonic()
        for _ in range(RUNS):
            await stage.reset()
            for statement in bare:
                await connection.execute(statement)
        return serial, RUNS / (time.monotonic() - started)
