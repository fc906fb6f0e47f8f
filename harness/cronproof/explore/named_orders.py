"""The named orders of scenarios: where one instance is held while the others run.

Each is a policy over points that every implementation has, such as before or after its claim or
its message. So a scenario fits any target. Nothing depends on timing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cronproof.explore.policy import Enabled, NeverReached, Policy
from cronproof.gate.fault import instance_of, is_fault
from cronproof.gate.point import Point
from cronproof.gate.trace import Trace

OrderName = Literal[
    "one-after-the-other",
    "step-by-step",
    "held-before-claim",
    "held-after-claim",
    "held-before-send",
    "held-after-send",
    "held-anywhere",
    "rows-locked",
]
ONE_BY_ONE: OrderName = "one-after-the-other"
ROWS_LOCKED: OrderName = "rows-locked"

DESCRIPTIONS: Mapping[str, str] = {
    "one-after-the-other": "A runs to its end, then B does",
    "step-by-step": "A and B take one step each, in turn, to their ends",
    "held-before-claim": "A is held before its claim, B runs to its end, A goes on",
    "held-after-claim": "A is held between its claim and whatever it does next (its commit, where it has one), "
    "B runs to its end, A goes on",
    "held-before-send": "A is held before its message reaches the service, B runs to its end, A goes on",
    "held-after-send": "A is held after the service has accepted its message, B runs to its end, A goes on",
    "held-anywhere": "A is held at each of its points in turn, on fresh rows each time, B runs to its end, A goes on",
    "rows-locked": "somebody else has every row locked, as in the middle of a claim; A and B run as far as they can, then the "
    "rows are let go one at a time",
}


def first_choice_of(instance: str, enabled: Enabled) -> str | None:
    """Returns the first enabled choice of an instance, if any."""
    return next((choice for choice in enabled if instance_of(choice) == instance), None)


@dataclass
class RunToEnd:
    """Runs each instance as far as possible before the next one. `backward`: begins with the last."""

    backward: bool = False
    _running: str | None = None

    def choose(self, enabled: Enabled, trace: Trace) -> str:  # noqa: ARG002  (the order alone matters)
        """Chooses the running instance, else the first one, or the last one."""
        choice = None if self._running is None else first_choice_of(self._running, enabled)
        choice = choice or [one for one in enabled if not is_fault(one)][-1 if self.backward else 0]
        self._running = instance_of(choice)
        return choice


@dataclass
class StepByStep:
    """Lets each instance take one step, in turn."""

    _round: list[str] = field(default_factory=list)

    def choose(self, enabled: Enabled, trace: Trace) -> str:  # noqa: ARG002  (the order alone matters)
        """Chooses the next instance of the round that can continue."""
        while True:
            if not self._round:
                self._round = list(dict.fromkeys(map(instance_of, enabled)))
            if choice := first_choice_of(self._round.pop(0), enabled):
                return choice


@dataclass
class Held:
    """Holds the first instance at a place while each other one runs as far as it can. Then all run.

    `is_place` gets the instance's previous point and its current one.
    """

    place: str
    is_place: Callable[[Point | None, Point], bool]
    _before: Point | None = None
    _others: list[str] | None = None
    _rest: RunToEnd = field(default_factory=RunToEnd)

    def choose(self, enabled: Enabled, trace: Trace) -> str:
        """Chooses the first instance until it is at the place, then the others, then all.

        Raises:
            NeverReached: the first instance ended, or waits, before it reached the place.
        """
        if self._others is None:
            first, *others = trace.instances
            choice = first_choice_of(first, enabled)
            if choice is None:
                raise NeverReached(f"{first} ended without being {self.place}")
            if not self.is_place(self._before, enabled[choice]):
                self._before = enabled[choice]
                return choice
            self._others = others
        while self._others:
            if choice := first_choice_of(self._others[0], enabled):
                return choice
            self._others.pop(0)
        return self._rest.choose(enabled, trace)


class HeldAtStep(Held):
    """Holds the first instance after `count` steps."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        super().__init__(f"at step {count}", self._is_taken)

    def _is_taken(self, before: Point | None, point: Point) -> bool:  # noqa: ARG002  (steps are counted)
        self._taken += 1
        return self._taken > self._count


def _before_claim(_: Point | None, point: Point) -> bool:
    return point.is_claim


def _after_claim(before: Point | None, _: Point) -> bool:
    return before is not None and before.is_claim


def _before_send(_: Point | None, point: Point) -> bool:
    return point.kind == "call"


def _after_send(_: Point | None, point: Point) -> bool:
    return point.kind == "answer"


_PLACES: Mapping[OrderName, Callable[[Point | None, Point], bool]] = {
    "held-before-claim": _before_claim,
    "held-after-claim": _after_claim,
    "held-before-send": _before_send,
    "held-after-send": _after_send,
}


def make_named_policy(name: OrderName) -> Policy:
    """Makes the policy of a named order. `held-anywhere` has a `HeldAtStep` per step instead."""
    if name in _PLACES:
        return Held(name, _PLACES[name])
    return StepByStep() if name == "step-by-step" else RunToEnd()
