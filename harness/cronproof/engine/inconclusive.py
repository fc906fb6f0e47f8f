"""Finds why an execution that ended normally is inconclusive."""

from collections.abc import Sequence
from typing import Protocol

from cronproof.domain.instance import CronResponse, Instance
from cronproof.engine.rig import Rig
from cronproof.gate.gate import SHARED
from cronproof.gate.trace import Step, Trace
from cronproof.scenario.when import When

AMBIGUOUS = "all instances share one server, and it is unknown which of two instances did something"


class Executed(Protocol):
    """The parts of an execution that are needed here."""

    trace: Trace

    @property
    def instances(self) -> Sequence[Instance]:
        """The instances, in order."""

    def ordered_responses(self) -> list[CronResponse]:
        """Returns the responses, in the order of the instances."""


def find_hit(steps: Sequence[Step], instances: Sequence[Instance]) -> set[str]:
    """Returns the instances that the faults of these steps affected."""
    if any(step.fault == "database-restarts" for step in steps):
        return {instance.name for instance in instances}
    return {step.instance for step in steps if step.fault is not None}


def find_shared(rig: Rig) -> str | None:
    """Returns what an instance shares outside our control, if anything was seen: it may be the cause of
    all the rest.
    """
    for name, what in rig.shared.items():
        return (
            f"{name} {what}: what it does there is neither held nor reset; give it the addresses of the configuration only, "
            "and none of what its instances share besides"
        )
    return None


def find_reason(rig: Rig, when: When, executed: Executed) -> str | None:
    """Returns why it is inconclusive: ambiguous, no response, misconfigured, or no contact."""
    if executed.trace.was_ambiguous:
        return AMBIGUOUS
    for unknown in rig.services.unknown_requests:
        return unknown
    steps, responses = executed.trace.steps, executed.ordered_responses()
    names = [instance.name for instance in executed.instances]
    hit = find_hit(steps, executed.instances)  # these need not respond
    answered = {response.instance for response in responses}
    silent = [name for name in names if name not in answered | hit]
    if silent:
        return f"{' and '.join(silent)} ended without a response"
    if when.secret != "right":  # noqa: S105  (names a secret, but is none)
        return None
    if complaint := next(filter(None, map(rig.target.complaint, responses)), None):
        return complaint
    reached = {step.instance for step in steps if step.point.kind != "start"}
    reached |= {proxy.instance for proxy in rig.proxies if proxy.used}
    reached |= {call.instance for call in rig.services.blocked_calls}
    # A cron that contacts nothing but answers with an error is judged by its answer.
    loud = {response.instance for response in responses if response.is_refused}
    idle = [] if SHARED in reached else [name for name in names if name not in reached | loud]
    return f"{' and '.join(idle)} contacted neither the database nor a service" if idle else None
