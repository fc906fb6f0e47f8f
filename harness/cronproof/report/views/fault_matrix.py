"""The fault matrix: what became of messages, by the point of a fault and by the fault."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.gate.fault import DIES, FAULT_NAMES, SQL_FAULTS, FaultName

Word = Literal["·", "?", "open", "duplicate", "lost", "stuck"]
WORDS: tuple[Word, ...] = get_args(Word)
LEGEND = (
    "· accepted once   open: once, and the row can be claimed again   duplicate: more than once   "
    "lost: never, and the row is open   stuck: never, and the row is claimed   (…) known"
)
HEADINGS: Mapping[FaultName, str] = {
    "sql-error": "error",
    "connection-lost-before": "lost before",
    "connection-lost-after": "lost after",
    "database-restarts": "restarts",
    DIES: "dies",
}
COLUMNS: tuple[FaultName, ...] = (*SQL_FAULTS, DIES)
_MANY = 3


def word(one: MessageOutcome) -> Word:
    """Returns a word for what became of a message."""
    if one.doubt is not None:
        return "?"
    return one.anomaly or ("open" if one.row == "free" else "·")


def make_rows(message_outcomes: Sequence[MessageOutcome]) -> list[tuple[str, list[str]]]:
    """Makes a row for each point, in order: its name, and a cell for each fault of `COLUMNS`.

    If no fault of an instance has an effect, its points share one row.
    """
    cells: dict[tuple[str, str], dict[FaultName, list[MessageOutcome]]] = {}
    for one in sorted(message_outcomes, key=lambda one: (one.faults[0].instance, one.faults[0].step)):
        if len(one.faults) == 1:
            met = one.faults[0]
            cells.setdefault((met.instance, met.point), {}).setdefault(met.fault, []).append(one)
    found = []
    for instance in dict.fromkeys(instance for instance, _ in cells):
        of_instance = {point: faults for (name, point), faults in cells.items() if name == instance}
        if all(word(one) == "·" for faults in of_instance.values() for ones in faults.values() for one in ones):
            every: dict[FaultName, list[MessageOutcome]] = {}
            for faults in of_instance.values():
                for fault, ones in faults.items():
                    every.setdefault(fault, []).extend(ones)
            of_instance = {f"all {len(of_instance)} points": every}
        for point, faults in of_instance.items():
            found.append((f"{instance}: {point}", [_cell(faults.get(fault, ())) for fault in COLUMNS]))
    return found


def of_calls(message_outcomes: Sequence[MessageOutcome]) -> Iterator[tuple[str, Mapping[str, list[str]]]]:
    """Yields each point with other faults: its name, and those faults by their effect."""
    points: dict[str, dict[str, list[MessageOutcome]]] = {}
    for one in message_outcomes:
        if len(one.faults) == 1 and one.faults[0].fault not in COLUMNS:
            met = one.faults[0]
            points.setdefault(f"{met.instance}: {met.point}", {}).setdefault(met.fault, []).append(one)
    for point, faults in points.items():
        by_cell: dict[str, list[str]] = {}
        for fault, ones in faults.items():
            by_cell.setdefault(_cell(ones), []).append(fault)
        refusals = [fault for fault in faults if fault not in FAULT_NAMES]
        yield point, {cell: _shortly(by_cell[cell], refusals) for cell in sorted(by_cell)}


def pairs(message_outcomes: Sequence[MessageOutcome]) -> Mapping[str, int]:
    """Counts the effects of two faults in one execution."""
    counts: dict[str, int] = {}
    for one in message_outcomes:
        if len(one.faults) > 1:
            counts[_cell([one])] = counts.get(_cell([one]), 0) + 1
    return counts


def find_doubts(message_outcomes: Sequence[MessageOutcome]) -> Mapping[str, str]:
    """Returns why nothing is known where a cell has a `?`, by the faults and their points."""
    doubtful = (one for one in message_outcomes if one.doubt is not None)
    return {" and ".join(map(str, one.faults)): str(one.doubt) for one in doubtful}


def draw_matrix(message_outcomes: Sequence[MessageOutcome]) -> Iterator[str]:
    """Draws the matrix as lines of text."""
    found = make_rows(message_outcomes)
    if not found:
        return
    width = max(len(name) for name, _ in found) + 2
    widths = [max(len(HEADINGS[fault]), *(len(cells[n]) for _, cells in found)) + 2 for n, fault in enumerate(COLUMNS)]
    headings = zip(COLUMNS, widths, strict=True)
    yield (" " * width + "".join(f"{HEADINGS[fault]:^{w}}" for fault, w in headings)).rstrip()
    for name, cells in found:
        yield (f"{name:{width}}" + "".join(f"{c:^{w}}" for c, w in zip(cells, widths, strict=True))).rstrip()
    for point, by_cell in of_calls(message_outcomes):
        yield f"{point}:"
        for cell, faults in by_cell.items():
            yield f"    {cell:12} {', '.join(faults)}"
    if counts := pairs(message_outcomes):
        yield "two faults in one execution: " + ", ".join(f"{count} × {cell}" for cell, count in counts.items())
    for place, doubt in find_doubts(message_outcomes).items():
        yield f"? {place}: {doubt}"
    yield LEGEND


def _shortly(faults: Sequence[str], refusals: Sequence[str]) -> list[str]:
    """Shortens names of faults: `all 12 refusals`, if every refusal that was tried is among them."""
    if len(refusals) < _MANY or not set(refusals) <= set(faults):
        return list(faults)
    return [f"all {len(refusals)} refusals", *(fault for fault in faults if fault not in refusals)]


def _cell(ones: Sequence[MessageOutcome]) -> str:
    """Renders a cell: all that became of messages, with known limits in parentheses."""
    words = {(word(one), one.known is not None and word(one) != "·") for one in ones}
    ordered = sorted(words, key=lambda pair: (WORDS.index(pair[0]), pair[1]), reverse=True)
    if len(ordered) > 1:
        ordered = [pair for pair in ordered if pair[0] != "·"]
    return " ".join(f"({text})" if known else text for text, known in ordered)


def style(cell: str) -> Literal["", "fine", "known", "anomaly"]:
    """Classifies a cell: fine, a known limit, an anomaly, or empty."""
    if not cell:
        return ""
    words = cell.split()
    if all(one in {"·", "open"} for one in words):
        return "fine"
    return "known" if all(one in {"·", "open", "?"} or one.startswith("(") for one in words) else "anomaly"
