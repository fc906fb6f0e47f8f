"""Warms up instances, so that what only a first call does is not part of an execution."""

from cronproof.domain.database import Role
from cronproof.domain.instance import Instance
from cronproof.engine.rig import Rig
from cronproof.explore.executor import Environment, Executor
from cronproof.explore.named_orders import RunToEnd
from cronproof.explore.quiescence import NotAtRest
from cronproof.gate.trace import Trace

MAX_RECONNECTING_CALLS = 5  # several connections of a pool may have been ended


def find_cold(rig: Rig, instances: list[Instance], role: Role) -> dict[Instance, int]:
    """Returns the instances to warm up, with the most calls for each, and marks them as warm."""
    places = {instance: (rig.proxy_of(instance.name).instance, role) for instance in instances}
    reconnecting = [instance for instance, place in places.items() if place in rig.must_reconnect]
    rig.must_reconnect.difference_update(places[instance] for instance in reconnecting)
    calls = dict.fromkeys(rig.target.cold(instances), 1)
    return calls | dict.fromkeys(reconnecting, MAX_RECONNECTING_CALLS)


class _Surroundings(Environment):
    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def blockers(self, instance: str) -> list[str]:
        return await self._rig.blockers(instance)

    async def after_step(self, trace: Trace) -> None:
        self._rig.look_for_shared(trace.steps[-1].instance)


async def warm_up(rig: Rig, instance: Instance, method: str) -> bool:
    """Calls a cron once, and detects concurrent channels. Returns whether the call succeeded.

    Raises:
        NotAtRest: the call does not end.
    """
    executor = Executor(_Surroundings(rig), probe=rig.probe)
    succeeded = False

    async def call() -> None:
        nonlocal succeeded
        response = await rig.target.call(instance, method=method, secret=rig.target.secret)
        succeeded = response is not None and not response.has_failed

    with rig.gated_by(executor):
        executor.prepare({instance.name: call})
        try:
            await executor.run(RunToEnd())
        except NotAtRest:
            await rig.target.abandon()
            raise
        finally:
            await executor.abandon()
    rig.has_channels |= executor.trace.most_channels > 1
    return succeeded
