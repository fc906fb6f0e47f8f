"""Interleavings as text: what was covered, and a failing schedule with a column per instance."""

from collections.abc import Iterator

from cronproof.engine.results import Exploration
from cronproof.engine.timeline import Moment, Timeline
from cronproof.explore.strategy import Assurance
from cronproof.gate.point import EVERY_STATEMENT

_ALL = {
    "faults": "one after the other, with every fault at every point",
    "all": "all there are, up to the order of independent steps",
    "all whole": "all of whole statements, up to the order of independent steps",
    "all-unreduced": "all there are",
}
IN_WORDS = {EVERY_STATEMENT: "every statement"}


def describe_coverage(exploration: Exploration) -> str:
    """Describes in a sentence what was executed."""
    schedules = f"{exploration.schedules} schedule{'s' * (exploration.schedules != 1)}"
    outcomes = f"{exploration.distinct_outcomes} distinct outcome{'s' * (exploration.distinct_outcomes != 1)}"
    waits = f"{exploration.blocked_waits} lock waits" if exploration.blocked_waits else "no lock wait"
    return f"{schedules} ({which(exploration)}), {outcomes}, {waits}, {exploration.seconds:.1f} s"


def describe_inside(exploration: Exploration) -> str | None:
    """Describes inside which statements instances were held; None if the exploration says nothing of it."""
    inside = exploration.inside
    if inside is None:
        return None
    apart = [f"{IN_WORDS.get(name, name)} ({depth})" for name, depth in inside.apart.items()]
    text = f"held inside {', '.join(apart)}" if apart else "no statement conflicts inside"
    text += f"; {len(inside.whole)} stayed whole" if inside.whole else ""
    text += f"; not before each row: {', '.join(inside.unseen)}" if inside.unseen else ""
    return text + ("; not all of these schedules: `inside: all` runs the rest" if inside.is_cut_off else "")


def which(exploration: Exploration) -> str:
    """Describes which of all schedules were executed."""
    kind, _, rest = exploration.strategy.partition(":")
    if not exploration.schedules:
        return f"nothing was executed: {exploration.stopped}" if exploration.stopped else "nothing was executed"
    if exploration.ended != "complete":
        why = f"stopped: {exploration.stopped}" if exploration.stopped else "ended before all were run"
        return f"{exploration.strategy}, {'until one failed' if exploration.ended == 'failed' else why}"
    match kind:
        case "faults" | "all" | "all-unreduced":
            return _ALL[kind] if exploration.exhausted or kind != "all" else _ALL["all whole"]
        case "preemptions" if exploration.exhausted:
            return f"all there are; none has more than {rest} preemptions"
        case "preemptions":
            return f"all with at most {rest} preemptions"
        case "sample" if exploration.assurance is not None:
            return f"drawn at random; {_assured(exploration.assurance)}"
    raise AssertionError(kind)


def _assured(assurance: Assurance) -> str:
    pairs = "one pair" if assurance.depth == 1 else f"{assurance.depth} pairs"
    found = f"would have been found with a probability of at least {assurance.probability * 100:.2g} %"
    return f"a failure that takes {pairs} of steps in a certain order {found}"


def draw_timeline(timeline: Timeline) -> Iterator[str]:
    """Draws a timeline. Time runs downwards; what a step led to is to its right. A bar is a statement inside
    which its instance is held.
    """
    width = max(len(of_bar(moment) + moment.step) for moment in timeline.moments) + 2
    yield "    " + "".join(f"{name:{width}}" for name in timeline.instances).rstrip()
    for number, moment in enumerate(timeline.moments):
        cells = [
            f"{of_bar(moment)}{moment.step}" if name == moment.instance else "│" * (name in moment.inside)
            for name in timeline.instances
        ]
        drawn = "".join(f"{cell:{width}}" for cell in cells)
        yield f"{number + 1:2}  {drawn}{'; '.join(note.text for note in moment.notes)}".rstrip()
        if timeline.broken is not None and number == timeline.broken.at:
            yield f"    ✗ {timeline.broken.check}: {timeline.broken.message}"


def of_bar(moment: Moment) -> str:
    """Returns the part of a statement's bar that stands before a step; empty if it is whole."""
    if moment.is_inside:
        return "├ " if moment.is_held else "└ "
    return "┌ " if moment.is_held else ""
