"""Dynamic partial order reduction: explores each equivalence class of schedules.

Schedules are equivalent when they differ only in the order of independent steps.

The algorithm is source-set DPOR with sleep sets: P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas,
"Optimal dynamic partial order reduction", POPL 2014. It looks for races in each execution: two
steps that conflict or belong to one instance, with nothing between them that forces their order.
For each race it executes a schedule with the reverse order, unless an equivalent one is planned.

It relies on two assumptions. Steps that do not conflict can be swapped (see `footprint.py`). An
instance repeats its behaviour if all conflicting steps before it come in the same order.
"""

from __future__ import annotations

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
    """A state that was reached: its sleep set, the choices to explore, and the explored ones."""

    parent: _Node | None
    by: str
    """The choice that led here from the parent."""
    enabled: tuple[str, ...]
    sleep_set: SleepSet
    wanted: list[str]
    explored: dict[str, Footprint] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    @property
    def left(self) -> list[str]:
        """The choices that are still to be explored."""
        return [name for name in self.wanted if name not in self.taken and name not in self.sleep_set]

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
        self._open: list[_Node] = []
        self._taken: dict[Schedule, _Node] = {}
        self._has_started = False

    @property
    def pending(self) -> int:
        """The number of choices that are known to be left."""
        return sum(len(node.left) for node in self._open) + (not self._has_started)

    def take(self, at_most: int) -> list[WorkItem]:
        """Returns the next schedules: one choice from each of the most recent states."""
        if not self._has_started:
            self._has_started = True
            return [WorkItem(observes=True, apart=self._apart, last=self._last)]
        while self._open and not self._open[-1].left:
            self._open.pop()
        nodes = [node for node in reversed(self._open) if node.left][:at_most]
        items = []
        for node in nodes:
            choice = node.left[0]
            node.taken.add(choice)
            path = node.path
            schedule = (*(state.by for state in path[1:]), choice)
            known = [before.explored[state.by] for before, state in itertools.pairwise(path)]
            self._taken[schedule] = node
            sleep_set = {**node.sleep_set, **node.explored}
            items.append(WorkItem(schedule, sleep_set, known=known, observes=True, apart=self._apart, last=self._last))
        return items

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
            parent, by = (path[-1], decisions[position - 1].chosen) if path else (None, "")
            faults = list(filter(is_fault, decision.enabled))
            if position == end:  # an equivalent state covers all but the faults that do not sleep
                if any(fault not in sleep_set for fault in faults):
                    self._open.append(_Node(parent, by, decision.enabled, sleep_set, faults))
                break
            node = _Node(parent, by, decision.enabled, sleep_set, [decision.chosen, *faults])
            node.taken.add(decision.chosen)
            node.explored[decision.chosen] = decision.footprint
            path.append(node)
            self._open.append(node)
        for earlier, later, choices in _reversals(decisions, first):
            racing = {instance_of(decisions[position].chosen) for position in (earlier, later)}
            if not racing.isdisjoint(self._last):
                continue
            node = path[earlier]
            possible = [name for name in choices if name in node.enabled]  # an instance can wait for a lock there
            if not set(possible) & set(node.wanted):
                node.wanted += possible[:1] or [name for name in node.enabled if name not in node.wanted]
                if node not in self._open:  # nothing was left there, but now there is
                    self._open.append(node)


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
