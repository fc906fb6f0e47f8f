"""The rig of a scenario: who blocks whom, what goes on between executions, and killing."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from cronproof.engine.rig import Rig
from cronproof.gate.gate import SHARED, SOMEBODY_ELSE, OpenGate
from cronproof.gate.point import Point

POINT = Point("statement", "update jobs set status = 'sent'")


class Proxy:
    """A proxy with backends that are busy or not."""

    def __init__(self, instance: str, owners: Mapping[int, str], busy: Sequence[int] = ()) -> None:
        self.instance, self.owners, self.pids = instance, owners, list(owners)
        self.gate: Any = OpenGate()
        self._busy = busy

    def busy_pids(self, instance: str) -> list[int]:
        return [pid for pid in self._busy if self.owners[pid] == instance]


class Database:
    """A database that knows which backends block which."""

    lockers = (99,)

    def __init__(self, blocked_by: Mapping[int, Collection[int]]) -> None:
        self.blocked_by = blocked_by

    async def blockers(self, pids: Sequence[int], among: Collection[int]) -> list[int]:
        return [blocker for pid in pids for blocker in self.blocked_by.get(pid, ()) if blocker in among]


def rig(*proxies: Proxy, blocked_by: Mapping[int, Collection[int]] | None = None, external: bool = True) -> Rig:
    target: Any = SimpleNamespace(is_idle=None, is_external=external)
    services: Any = SimpleNamespace(gate=None)
    return Rig(Database(blocked_by or {}), services, target, proxies)  # type: ignore[arg-type]


def blockers(of: Rig, instance: str) -> list[str]:
    return asyncio.run(of.blockers(instance))


def test_blockers_are_named_by_whose_backends_they_are() -> None:
    a, b = Proxy("A", {1: "A"}, busy=[1]), Proxy("B", {2: "B"})

    assert blockers(rig(a, b, blocked_by={1: [2]}), "A") == ["B"]
    assert blockers(rig(a, b, blocked_by={1: [2, 99]}), "A") == ["B", SOMEBODY_ELSE]


def test_who_is_not_busy_waits_for_nobody() -> None:
    of = rig(Proxy("A", {1: "A"}), Proxy("B", {2: "B"}), blocked_by={1: [2]})

    assert blockers(of, "A") == []


def test_with_channels_an_instance_waits_only_if_all_of_them_do() -> None:
    a, b = Proxy("A", {1: "A", 3: "A"}, busy=[1, 3]), Proxy("B", {2: "B"})
    of = rig(a, b, blocked_by={1: [2]})
    of.has_channels = True

    assert blockers(of, "A") == []
    of.database.blocked_by = {1: [2], 3: [2]}  # type: ignore[attr-defined]
    assert blockers(of, "A") == ["B"]


def test_instances_of_a_shared_server_share_its_proxy() -> None:
    shared = Proxy(SHARED, {1: "A", 2: "B"}, busy=[1])

    assert rig(shared).proxy_of("B").instance == SHARED
    assert blockers(rig(shared, blocked_by={1: [2]}), "A") == ["B"]


@pytest.mark.parametrize("external", [True, False])
def test_what_an_instance_does_after_its_answer_is_stray_if_it_is_a_server(*, external: bool) -> None:
    proxy = Proxy("A", {1: "A"})
    of, gate = rig(proxy, external=external), OpenGate()

    with of.gated_by(gate):
        assert proxy.gate is of.services.gate is gate
    asyncio.run(proxy.gate.arrive("A", POINT))
    stray = of.take_stray()

    assert (stray is not None) is external
    assert stray is None or stray.startswith(f"A did something after it had answered ({POINT.label}): an earlier call")
    assert of.take_stray() is None
