"""A timeline as lanes: the state of each instance at each step. Time runs downwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cronproof.engine.timeline import Broken, Note, Timeline

State = Literal["idle", "acts", "waits", "inside", "ended"]
SIGNS_OF_LIFE = frozenset({"result", "error", "answer"})


@dataclass(frozen=True)
class Place:
    """An instance at a step: it acts, waits for `blockers`, has ended, or is held, inside a statement or not (idle)."""

    instance: str
    state: State
    blockers: Sequence[str] = ()
    is_first: bool = False
    """Whether the step that it takes makes it wait."""
    is_piece: bool = False
    """Whether the step that it takes is a piece of a statement."""


@dataclass(frozen=True)
class Row:
    """One step."""

    number: int
    step: str
    is_fault: bool
    places: Sequence[Place]
    notes: Sequence[Note]
    broken: Broken | None
    """The check that breaks at it."""
    is_shared: bool
    """Whether the compared schedule has the same steps up to this one."""


def make_rows(timeline: Timeline, beside: Timeline | None = None) -> list[Row]:
    """Returns the steps of a timeline, compared with those of another one if given."""
    found: list[Row] = []
    shared = 0 if beside is None else common(timeline, beside)
    waiting: dict[str, Sequence[str]] = {}
    ended: set[str] = set()
    for number, moment in enumerate(timeline.moments):
        begins = {note.instance: note.blockers for note in moment.notes if note.kind == "wait"}
        places = []
        for name in timeline.instances:
            if name == moment.instance:
                is_piece = moment.is_inside or moment.is_held
                places.append(Place(name, "acts", begins.get(name, ()), is_first=name in begins, is_piece=is_piece))
            elif name in waiting or name in begins:
                places.append(Place(name, "waits", waiting.get(name) or begins[name]))
            elif name in moment.inside:
                places.append(Place(name, "inside"))
            else:
                places.append(Place(name, "ended" if name in ended else "idle"))
        broken = timeline.broken if timeline.broken is not None and timeline.broken.at == number else None
        row = Row(
            number + 1,
            moment.step,
            moment.is_fault,
            places,
            moment.notes,
            broken,
            is_shared=number < shared,
        )
        found.append(row)
        alive = {note.instance for note in moment.notes if note.kind in SIGNS_OF_LIFE}
        waiting = {name: blockers for name, blockers in (waiting | begins).items() if name not in alive}
        ended |= {note.instance for note in moment.notes if note.kind == "answer"}
    return found


def common(one: Timeline, other: Timeline) -> int:
    """Counts the steps with which both begin."""
    pairs = zip(one.moments, other.moments, strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if (a.instance, a.step) != (b.instance, b.step)),
        min(len(one.moments), len(other.moments)),
    )
