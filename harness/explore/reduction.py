"""Every schedule, but of those that differ only in the order of independent steps one.

Source-set dynamic partial order reduction with sleep sets: P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas, "Optimal
dynamic partial order reduction", POPL 2014. Each run is looked through for races: two steps of different instances that
conflict, with nothing between them that forces their order. For each race a run is made in which they come the other
way round, unless one of an equivalent schedule is made anyway.

What it needs, and where that comes from: steps that do not conflict can be swapped (footprint.py says when), and an
instance does the same again when everything before it that conflicts with it comes in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.explore.footprint import Footprint
from harness.explore.schedule import Decision, Follow, Schedule
from harness.explore.search import Task


@dataclass
class _Node:
    """A state that runs came by: who was asleep in it, which ways are to be explored from it, and which were."""

    path: Schedule
    enabled: tuple[str, ...]
    asleep: dict[str, Footprint]
    wanted: list[str]
    explored: dict[str, Footprint] = field(default_factory=dict)


class Reduced:
    """The search. Its memory is one path: the states of the last run that still have ways to explore."""

    level: int | None = None
    exhaustive = True

    def __init__(self) -> None:
        self._path: list[_Node] = []
        self._began = False

    @property
    def pending(self) -> int:
        """The ways that are known to be left."""
        return sum(len(_left(node)) for node in self._path) + (not self._began)

    def take(self, at_most: int) -> list[Task]:  # noqa: ARG002  (one way can make the next one needless)
        """The next schedule: the deepest state with a way left."""
        if not self._began:
            self._began = True
            return [Task()]
        while self._path and not _left(self._path[-1]):
            self._path.pop()
        if not self._path:
            return []
        node = self._path[-1]
        return [Task((*node.path, _left(node)[0]), {**node.asleep, **node.explored})]

    def ran(self, task: Task, followed: Follow) -> None:
        """Adds the states that the run came by, and whatever its races make necessary."""
        end = followed.redundant_from
        decisions = followed.decisions if end is None else followed.decisions[:end]
        first = max(len(task.schedule) - 1, 0)
        if task.schedule:
            self._path[-1].explored[decisions[first].chosen] = decisions[first].footprint
        for position in range(len(self._path), len(decisions)):
            decision = decisions[position]
            path = tuple(before.chosen for before in decisions[:position])
            node = _Node(path, decision.enabled, dict(decision.asleep), [decision.chosen])
            node.explored[decision.chosen] = decision.footprint
            self._path.append(node)
        for earlier, ways in _reversals(decisions, first):
            node = self._path[earlier]
            possible = [name for name in ways if name in node.enabled]  # an instance can wait for a lock there
            if not set(possible) & set(node.wanted):
                node.wanted += possible[:1] or [name for name in node.enabled if name not in node.wanted]


def _left(node: _Node) -> list[str]:
    return [name for name in node.wanted if name not in node.explored and name not in node.asleep]


def _reversals(decisions: Sequence[Decision], first: int) -> list[tuple[int, list[str]]]:
    """For each race whose later step is at `first` or behind: where the earlier step is, and who could go there instead.

    Each of those instances begins a way from there on which the later step comes before the earlier one.
    """
    clocks: list[dict[str, int]] = []
    counts: dict[str, int] = {}
    last: dict[str, int] = {}
    found: list[tuple[int, list[str]]] = []
    for later, decision in enumerate(decisions):
        clock = dict(clocks[last[decision.chosen]]) if decision.chosen in last else {}
        races = []
        for earlier in range(later - 1, -1, -1):
            before = decisions[earlier]
            if clocks[earlier][before.chosen] <= clock.get(before.chosen, 0):
                continue  # it happens before this step through another one
            if before.footprint.conflicts(decision.footprint):
                races.append(earlier)
                for name, count in clocks[earlier].items():
                    clock[name] = max(count, clock.get(name, 0))
        counts[decision.chosen] = counts.get(decision.chosen, 0) + 1
        clock[decision.chosen] = counts[decision.chosen]
        clocks.append(clock)
        last[decision.chosen] = later
        if later >= first:
            found += [(earlier, _initials(decisions, clocks, earlier, later)) for earlier in races]
    return found


def _initials(decisions: Sequence[Decision], clocks: Sequence[dict[str, int]], earlier: int, later: int) -> list[str]:
    """Who can go first when, from the state before `earlier`, all is done up to `later` that need not come behind it."""
    racer = decisions[earlier].chosen
    since = clocks[earlier][racer]
    independent = [k for k in range(earlier + 1, later) if clocks[k].get(racer, 0) < since]
    steps = [*independent, later]
    initials: list[str] = []
    for position, k in enumerate(steps):
        name = decisions[k].chosen
        if name in initials or any(decisions[j].chosen == name for j in steps[:position]):
            continue
        happens_before = any(
            clocks[j][decisions[j].chosen] <= clocks[k].get(decisions[j].chosen, 0) for j in steps[:position]
        )
        if not happens_before:
            initials.append(name)
    return initials
