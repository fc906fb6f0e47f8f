"""Dynamic partial order reduction: explores each equivalence class of schedules.

Schedules are equivalent when they differ only in the order of independent steps. Those with the fewest
preemptions come first, since most failures need only two of them: M. Musuvathi, S. Qadeer, "Iterative
context bounding for systematic testing of multithreaded programs", PLDI 2007.

The algorithm is source-set DPOR with sleep sets: P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas,
"Optimal dynamic partial order reduction", POPL 2014. It looks for races in each execution: two
steps that conflict or belong to one instance, with nothing between them that forces their order.
For each race it executes a schedule with the reverse order, unless an equivalent one is planned.

It relies on two assumptions. Steps that do not conflict can be swapped (see `footprint.py`). An
instance repeats its behaviour if all conflicting steps before it come in the same order.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from cronproof.explore.schedule import ExecutedSchedule, Schedule, SleepSet, WorkItem, may_conflict
from cronproof.explore.strategy import Assurance, Inside
from cronproof.gate.fault import channel_of, instance_of, is_fault
from cronproof.gate.footprint import Footprint
from cronproof.gate.point import Apart
from cronproof.gate.trace import Decision


@dataclass(eq=False)
class _Node:
    """A state that was reached: its sleep set, the choices that are to be explored, and the explored ones."""

    enabled: tuple[str, ...]
    sleep_set: SleepSet
    wanted: list[str] = field(default_factory=list)
    explored: dict[str, Footprint] = field(default_factory=dict)
    parent: _Node | None = None
    by: str = ""
    """The choice that led here from the parent."""
    depth: int = 0
    """How many steps led here."""
    preemptions: int = 0
    """How many of them were preemptions."""

    def follow(self, parent: _Node, by: str) -> None:
        """Notes which choice led here, from which state."""
        self.parent, self.by = parent, by
        self.depth, self.preemptions = parent.depth + 1, parent.count_preemptions(by)

    def count_preemptions(self, choice: str) -> int:
        """Returns how many preemptions lead to the state behind a choice."""
        running = channel_of(self.by)
        return self.preemptions + (running in self.enabled and channel_of(choice) != running)

    @property
    def path(self) -> list[_Node]:
        """The states from the first one to this one."""
        path, node = [self], self.parent
        while node is not None:
            path.append(node)
            node = node.parent
        return path[::-1]


class DporStrategy:
    """Keeps the states that still have choices to explore, and their ancestors."""

    level: int | None = None
    exhaustive = True
    assurance: Assurance | None = None
    inside: Inside | None = None
    batch = 4
    explores_all_failures = False

    def __init__(self, apart: Apart | None = None, last: Collection[str] = ()) -> None:
        """Explores from the start. `apart`: the statements that are taken apart. `last`: the instances that
        run after all others, in one order.
        """
        self._apart = apart or {}
        self._last = last
        self._left: list[tuple[int, int, int, str, _Node]] = []
        """The choices to explore, as a heap: preemptions, minus the depth, a number to keep the order, the
        choice, and its state."""
        self._count = itertools.count()
        self._taken: dict[Schedule, _Node] = {}
        self._has_started = False

    @property
    def pending(self) -> int:
        """The number of choices that are known to be left."""
        return len(self._left) + (not self._has_started)

    def take(self, at_most: int) -> list[WorkItem]:
        """Returns the next schedules, each with a choice of another state."""
        if not self._has_started:
            self._has_started = True
            return [WorkItem(observes=True, apart=self._apart, last=self._last)]
        found: dict[_Node, str] = {}
        later = []
        while self._left and len(found) < at_most:
            *_, choice, node = entry = heapq.heappop(self._left)
            if node in found:
                later.append(entry)
            else:
                found[node] = choice
        for entry in later:
            heapq.heappush(self._left, entry)
        items = []
        for node, choice in found.items():
            path = node.path
            schedule = (*(state.by for state in path[1:]), choice)
            known = [before.explored[state.by] for before, state in itertools.pairwise(path)]
            self._taken[schedule] = node
            sleep_set = {**node.sleep_set, **node.explored}
            items.append(WorkItem(schedule, sleep_set, known=known, observes=True, apart=self._apart, last=self._last))
        return items

    def _want(self, node: _Node, choices: Sequence[str]) -> None:
        """Adds choices that are to be explored, but for those that sleep."""
        node.wanted += choices
        for choice in choices:
            if choice not in node.sleep_set:
                cost = node.count_preemptions(choice)
                heapq.heappush(self._left, (cost, -node.depth, next(self._count), choice, node))

    def observe(self, executed: ExecutedSchedule) -> None:
        """Adds the states of the execution, and the choices that its races require."""
        end, schedule = executed.redundant_from, executed.item.schedule
        decisions = executed.decisions if end is None else executed.decisions[:end]
        first = max(len(schedule) - 1, 0)
        path: list[_Node] = []
        if schedule:
            node = self._taken.pop(schedule)
            node.explored[decisions[first].chosen] = decisions[first].footprint
            path = node.path
        for position in range(len(path), len(decisions) if end is None else end + 1):
            decision, sleep_set = executed.decisions[position], executed.sleep_sets[position]
            node = _Node(decision.enabled, sleep_set)
            if path:
                node.follow(path[-1], decisions[position - 1].chosen)
            faults = list(filter(is_fault, decision.enabled))
            if position == end:  # an equivalent state covers all but the faults that do not sleep
                self._want(node, faults)
                break
            node.wanted.append(decision.chosen)
            self._want(node, faults)
            node.explored[decision.chosen] = decision.footprint
            path.append(node)
        for earlier, later, choices in _reversals(decisions, first):
            racing = {instance_of(decisions[position].chosen) for position in (earlier, later)}
            if not racing.isdisjoint(self._last):
                continue
            node = path[earlier]
            possible = [name for name in choices if name in node.enabled]  # an instance can wait for a lock there
            if not set(possible) & set(node.wanted):
                self._want(node, possible[:1] or [name for name in node.enabled if name not in node.wanted])


def _reversals(decisions: Sequence[Decision], first: int) -> list[tuple[int, int, list[str]]]:
    """Returns, for each race with its later step at `first` or after, the positions of its steps, and
    alternative choices at the earlier one. Each of these can begin a schedule that reverses the race.
    """
    clocks: list[dict[str, int]] = []
    counts: dict[str, int] = {}
    last: dict[str, int] = {}
    found: list[tuple[int, int, list[str]]] = []
    for later, decision in enumerate(decisions):
        channel = channel_of(decision.chosen)
        clock = dict(clocks[last[channel]]) if channel in last else {}
        races = []
        for earlier in range(later - 1, -1, -1):
            before = decisions[earlier]
            if clocks[earlier][channel_of(before.chosen)] <= clock.get(channel_of(before.chosen), 0):
                continue  # it happens before this step transitively
            if may_conflict(before.chosen, before.footprint, decision.chosen, decision.footprint):
                races.append(earlier)
                for name, count in clocks[earlier].items():
                    clock[name] = max(count, clock.get(name, 0))
        counts[channel] = counts.get(channel, 0) + 1
        clock[channel] = counts[channel]
        clocks.append(clock)
        last[channel] = later
        if later >= first:
            found += [(earlier, later, _initials(decisions, clocks, earlier, later)) for earlier in races]
    return found


def _initials(decisions: Sequence[Decision], clocks: Sequence[dict[str, int]], earlier: int, later: int) -> list[str]:
    """Returns who can go first among `later` and the steps between that do not need `earlier`."""
    racer = channel_of(decisions[earlier].chosen)
    since = clocks[earlier][racer]
    independent = [k for k in range(earlier + 1, later) if clocks[k].get(racer, 0) < since]
    steps = [*independent, later]
    initials: list[str] = []
    for position, k in enumerate(steps):
        name = channel_of(decisions[k].chosen)
        if name in initials or any(channel_of(decisions[j].chosen) == name for j in steps[:position]):
            continue
        happens_before = any(
            clocks[j][channel_of(decisions[j].chosen)] <= clocks[k].get(channel_of(decisions[j].chosen), 0)
            for j in steps[:position]
        )
        if not happens_before:
            initials.append(name)
    return initials
