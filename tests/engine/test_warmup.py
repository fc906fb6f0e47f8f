"""Which instances are warmed up before an execution."""

from types import SimpleNamespace
from typing import Any

from cronproof.domain.instance import Instance
from cronproof.engine.warmup import MAX_RECONNECTING_CALLS, find_cold
from cronproof.gate.gate import SHARED

A, B = Instance("A", "post-job-followup"), Instance("B", "post-job-followup")


def rig(*cold: Instance, must_reconnect: set[tuple[str, str]], shared: str | None = None) -> Any:
    return SimpleNamespace(
        target=SimpleNamespace(cold=lambda _: cold),
        must_reconnect=must_reconnect,
        proxy_of=lambda name: SimpleNamespace(instance=shared or name),
    )


def test_a_cold_instance_is_called_once() -> None:
    assert find_cold(rig(B, must_reconnect=set()), [A, B], "service_role") == {B: 1}


def test_who_must_reconnect_is_called_until_it_has_and_only_in_its_role() -> None:
    ended = {("A", "service_role"), ("A", "anon"), ("C", "service_role")}
    of_run = rig(A, must_reconnect=ended)

    assert find_cold(of_run, [A, B], "service_role") == {A: MAX_RECONNECTING_CALLS}
    assert ended == {("A", "anon"), ("C", "service_role")}
    assert find_cold(of_run, [B], "service_role") == {A: 1}


def test_all_instances_of_a_shared_server_reconnect_together() -> None:
    of_run = rig(must_reconnect={(SHARED, "service_role")}, shared=SHARED)

    assert find_cold(of_run, [A, B], "service_role") == {A: MAX_RECONNECTING_CALLS, B: MAX_RECONNECTING_CALLS}
    assert find_cold(of_run, [A, B], "service_role") == {}
