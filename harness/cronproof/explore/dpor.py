"""Every schedule, but of those that differ only in the order of independent steps one.

Source-set dynamic partial order reduction with sleep sets: P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas, "Optimal
dynamic partial order reduction", POPL 2014. Each run is looked through for races: two steps of different instances that
conflict, or belong to one instance, with nothing between them that forces their order. For each race a run is made in which they come the other
way round, unless one of an equivalent schedule is made anyway.

What it needs, and where that comes from: steps that do not conflict can be swapped (footprint.py says when), and an
instance does the same again when everything before it that conflicts with it comes in the same order.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from cronproof.explore.schedule import Asleep, Decision, Follow, Schedule, meet
from cronproof.explore.strategy import Assurance, Task
from cronproof.gate.fault import is_fault, line_of
from cronproof.gate.footprint import Footprint


@dataclass(eq=False)
class _Node:
    """A state that runs came by: who was asleep in it, which ways are to be explored from it, and which were."""

    parent: _Node | None
    by: str
    """Whose step led here from the parent."""
    enabled: tuple[str, ...]
    asleep: Asleep
    wanted: list[str]
    explored: dict[str, Footprint] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    @property
    def left(self) -> list[str]:
        """The ways that nobody has set out on."""
        return [name for name in self.wanted if name not in self.taken and name not in self.asleep]

    @property
    def path(self) -> list[_Node]:
        """The states from the first one to this one."""
        path, node = [self], self.parent
        while node is not None:
            path.append(node)
            node = node.parent
        return path[::-1]


class Reduced:
    """The search. It remembers the states that still have ways to explore, and those that lead to them."""

    level: int | None = None
    exhaustive = True
    assurance: Assurance | None = None
    batch = 4
    tells_all = False

    def __init__(self) -> None:
        self._open: list[_Node] = []
        self._taken: dict[Schedule, _Node] = {}
        self._began = False

    @property
    def pending(self) -> int:
        """The ways that are known to be left."""
        return sum(len(node.left) for node in self._open) + (not self._began)

    def take(self, at_most: int) -> list[Task]:
        """The next schedules: ways from the states found last, one from each."""
        if not self._began:
            self._began = True
            return [Task()]
        while self._open and not self._open[-1].left:
            self._open.pop()
        nodes = [node for node in reversed(self._open) if node.left][:at_most]
        tasks = []
        for node in nodes:
            way = node.left[0]
            node.taken.add(way)
            path = node.path
            schedule = (*(state.by for state in path[1:]), way)
            known = [before.explored[state.by] for before, state in itertools.pairwise(path)]
            self._taken[schedule] = node
            tasks.append(Task(schedule, {**node.asleep, **node.explored}, known=known))
        return tasks

    def ran(self, task: Task, followed: Follow) -> None:
        """Adds the states that the run came by, and whatever its races make necessary."""
        end = followed.redundant_from
        decisions = followed.decisions if end is None else followed.decisions[:end]
        first = max(len(task.schedule) - 1, 0)
        path: list[_Node] = []
        if task.schedule:
            node = self._taken.pop(task.schedule)
            node.explored[decisions[first].chosen] = decisions[first].footprint
            path = node.path
        for position in range(len(path), len(decisions) if end is None else end + 1):
            decision = followed.decisions[position]
            parent, by = (path[-1], decisions[position - 1].chosen) if path else (None, "")
            faults = list(filter(is_fault, decision.enabled))
            if position == end:  # what is asleep was explored from an equivalent state, but for the faults that are not
                if any(fault not in decision.asleep for fault in faults):
                    self._open.append(_Node(parent, by, decision.enabled, decision.asleep, faults))
                break
            node = _Node(parent, by, decision.enabled, decision.asleep, [decision.chosen, *faults])
            node.taken.add(decision.chosen)
            node.explored[decision.chosen] = decision.footprint
            path.append(node)
            self._open.append(node)
        for earlier, ways in _reversals(decisions, first):
            node = path[earlier]
            possible = [name for name in ways if name in node.enabled]  # an instance can wait for a lock there
            if not set(possible) & set(node.wanted):
                node.wanted += possible[:1] or [name for name in node.enabled if name not in node.wanted]
                if node not in self._open:  # nothing was left there, but now there is
                    self._open.append(node)


def _reversals(decisions: Sequence[Decision], first: int) -> list[tuple[int, list[str]]]:
    """For each race whose later step is at `first` or behind: where the earlier step is, and who could go there instead.

    Each of those instances begins a way from there on which the later step comes before the earlier one.
    """
    clocks: list[dict[str, int]] = []
    counts: dict[str, int] = {}
    last: dict[str, int] = {}
    found: list[tuple[int, list[str]]] = []
    for later, decision in enumerate(decisions):
        line = line_of(decision.chosen)
        clock = dict(clocks[last[line]]) if line in last else {}
        races = []
        for earlier in range(later - 1, -1, -1):
            before = decisions[earlier]
            if clocks[earlier][line_of(before.chosen)] <= clock.get(line_of(before.chosen), 0):
                continue  # it happens before this step through another one
            if meet(before.chosen, before.footprint, decision.chosen, decision.footprint):
                races.append(earlier)
                for name, count in clocks[earlier].items():
                    clock[name] = max(count, clock.get(name, 0))
        counts[line] = counts.get(line, 0) + 1
        clock[line] = counts[line]
        clocks.append(clock)
        last[line] = later
        if later >= first:
            found += [(earlier, _initials(decisions, clocks, earlier, later)) for earlier in races]
    return found


def _initials(decisions: Sequence[Decision], clocks: Sequence[dict[str, int]], earlier: int, later: int) -> list[str]:
    """Who can go first when, from the state before `earlier`, all is done up to `later` that need not come behind it."""
    racer = line_of(decisions[earlier].chosen)
    since = clocks[earlier][racer]
    independent = [k for k in range(earlier + 1, later) if clocks[k].get(racer, 0) < since]
    steps = [*independent, later]
    initials: list[str] = []
    for position, k in enumerate(steps):
        name = line_of(decisions[k].chosen)
        if name in initials or any(line_of(decisions[j].chosen) == name for j in steps[:position]):
            continue
        happens_before = any(
            clocks[j][line_of(decisions[j].chosen)] <= clocks[k].get(line_of(decisions[j].chosen), 0)
            for j in steps[:position]
        )
        if not happens_before:
            initials.append(name)
    return initials
