"""Interleavings in words: what was covered, and a failing schedule as a drawing, a column for each instance."""

from __future__ import annotations

from collections.abc import Iterator

from harness.explore.timeline import Timeline
from harness.runner import Exploration


def covered(exploration: Exploration) -> str:
    """What was run of what could happen, in a sentence."""
    schedules = f"{exploration.schedules} schedule{'s' * (exploration.schedules != 1)}"
    outcomes = f"{exploration.distinct_outcomes} distinct outcome{'s' * (exploration.distinct_outcomes != 1)}"
    waits = f"{exploration.blocked_waits} lock waits" if exploration.blocked_waits else "no lock wait"
    return f"{schedules} ({which(exploration)}), {outcomes}, {waits}, {exploration.seconds:.1f} s"


def which(exploration: Exploration) -> str:
    """Which of all schedules were run."""
    match exploration.strategy, exploration.exhausted:
        case "all", True:
            return "all there are, up to the order of independent steps"
        case "all-unreduced", True:
            return "all there are"
        case strategy, True:
            return f"all of {strategy}"
        case strategy, False:
            return f"{strategy}, ended before all were run"
    raise AssertionError("unreachable")


def drawn(timeline: Timeline) -> Iterator[str]:
    """The lines of the drawing. Time runs downwards; what came of a step stands to its right."""
    width = max(len(moment.step) for moment in timeline.moments) + 2
    columns = {name: number for number, name in enumerate(timeline.instances)}
    yield "    " + "".join(f"{name:{width}}" for name in timeline.instances).rstrip()
    for number, moment in enumerate(timeline.moments):
        column = columns[moment.instance]
        cells = " " * (column * width) + f"{moment.step:{width}}" + " " * ((len(columns) - column - 1) * width)
        yield f"{number + 1:2}  {cells}{'; '.join(moment.notes)}".rstrip()
        if number == timeline.broken_at:
            yield f"    ✗ {timeline.check}: {timeline.message}"
