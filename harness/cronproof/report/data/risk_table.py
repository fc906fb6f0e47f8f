"""The remaining crons: what the hand-made report said of each, and what was found. No adjective without a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cronproof.domain.crons import CronName
from cronproof.engine.results import ScenarioResult
from cronproof.report.views.table import Cell, Link, Strong, cell, table

if TYPE_CHECKING:
    from cronproof.report.data.document import Document, ScenarioEntry

SAID: Mapping[CronName, str] = {
    "check-timeouts": "Medium: adequate for Telegram",
    "send-reminders": "Medium: a unique constraint could be added",
    "seasonal-reminders": "Medium: not atomic, but daily and in batches",
    "ghl-followups": "Medium: still to be investigated",
    "process-scheduled-tasks": "Low: locks optimistically",
    "crew-briefing": "Low: duplicates do no harm",
    "unified-daily": "Low: an orchestrator, no more",
}
"""What the report said of their risk."""
Risk = Literal["high", "medium", "low", "not known"]
HEAD = ("Cron", "The report said", "Schedules", "Amiss", "Faults", "Amiss", "Shortest counterexample", "Risk")


@dataclass(frozen=True)
class Measured:
    """What was found of one cron: `schedules` without faults, in so many of which messages were not as they should be, by
    what had become of them; and the same of runs with a fault.
    """

    cron: CronName
    schedules: int
    amiss: Mapping[str, int]
    faults: int
    amiss_by_fault: Mapping[str, int]
    shortest: tuple[str, str] | None = None
    """Of the schedules that show it the shortest, in a few characters, and the name of its file."""
    doubt: str | None = None
    """Why not all was played that was to be, if it was not."""

    @property
    def risk(self) -> Risk:
        """High where it needs nothing but instances at the same time, medium where something has to break."""
        if self.amiss:
            return "high"
        if self.doubt is not None or not (self.schedules and self.faults):
            return "not known"
        return "medium" if self.amiss_by_fault else "low"

    @property
    def numbers(self) -> str:
        """What the risk is said for."""
        match self.risk:
            case "high":
                return f"{_counted(self.amiss)} of {self.schedules} schedules"
            case "medium":
                return f"{_counted(self.amiss_by_fault)} of {self.faults} faults, no schedule without one"
            case "low":
                return f"nothing in {self.schedules} schedules and {self.faults} faults"
            case "not known":
                return self.doubt or "either schedules or faults were not played"


def measured(results: Sequence[ScenarioResult]) -> list[Measured]:
    """Each of the crons that were looked at, in the order of the report."""
    found = []
    for cron in SAID:
        of_cron = [result for result in results if _is_of(result, cron)]
        if not of_cron:
            continue
        schedules, faults = 0, 0
        amiss, amiss_by_fault = Counter[str](), Counter[str]()
        for result in of_cron:
            if result.is_explored and not _is_of_faults(result):
                schedules += result.exploration.schedules
                amiss.update(result.exploration.amiss)
                continue
            for run in {run.key: run for run in result.runs if run.hindrance is None}.values():
                words = {word for check in result.file.scenario.checks for word in check.amiss(run)}
                (amiss_by_fault if run.met else amiss).update(words)
                faults, schedules = faults + bool(run.met), schedules + (not run.met)
        doubts = [result.reason for result in of_cron if result.verdict == "INCONCLUSIVE"]
        shortest = min(
            (one for result in of_cron for one in result.counterexamples),
            key=lambda named: ("!" in named[1].shown, len(named[1].steps), named[0]),
            default=None,
        )
        short = None if shortest is None else (shortest[1].shown, shortest[0])
        found.append(Measured(cron, schedules, amiss, faults, amiss_by_fault, short, next(iter(doubts), None)))
    return found


def joined(parts: Sequence[Sequence[Measured]]) -> list[Measured]:
    """What was found of each cron in several parts of a run."""
    found = []
    for cron in SAID:
        of_cron = [one for part in parts for one in part if one.cron == cron]
        if of_cron:
            amiss, by_fault = Counter[str](), Counter[str]()
            for one in of_cron:
                amiss.update(one.amiss)
                by_fault.update(one.amiss_by_fault)
            shown = [one.shortest for one in of_cron if one.shortest is not None]
            shortest = min(shown, key=lambda schedule: ("!" in schedule[0], len(schedule[0]), schedule), default=None)
            schedules, faults = (
                sum(counts) for counts in zip(*((o.schedules, o.faults) for o in of_cron), strict=True)
            )
            doubt = next((one.doubt for one in of_cron if one.doubt is not None), None)
            found.append(Measured(cron, schedules, amiss, faults, by_fault, shortest, doubt))
    return found


def rows(found: Sequence[Measured]) -> Iterator[Sequence[Cell]]:
    """The lines of the report's table, with the columns of `HEAD`."""
    for one in found:
        yield one.cron, SAID[one.cron], *_cells(one)


def _cells(one: Measured, folder: str = "") -> Sequence[Cell]:
    shortest = "none" if one.shortest is None else Link(one.shortest[0], folder + one.shortest[1])
    amiss, by_fault = (_counted(words) or "none" for words in (one.amiss, one.amiss_by_fault))
    return one.schedules, amiss, one.faults, by_fault, shortest, (Strong(one.risk), f": {one.numbers}")


def pairs(scenarios: Sequence[ScenarioEntry]) -> Iterator[tuple[str, str, int, str]]:
    """A line for each pair of crons: which, how many schedules, and how they interfere."""
    for scenario in scenarios:
        if scenario.pair is not None:
            said = next((check.message for check in scenario.checks if check.id == "no-interference"), "")
            yield *scenario.pair, scenario.exploration.schedules, said


def limits(scenarios: Sequence[ScenarioEntry]) -> Mapping[str, Sequence[str]]:
    """Each known limit by its reason, with the files of the schedules that show it."""
    found: dict[str, list[str]] = {}
    for scenario in scenarios:
        for known in scenario.known or ():
            found.setdefault(known.reason, []).append(Path(known.counterexample).name)
    return found


def compared(by_target: Mapping[str, Document]) -> Iterator[str]:
    """The report's table again, with a line for each target below each cron; then the limits that are left, and the pairs."""
    found = {target: {one.cron: one for one in document.remaining} for target, document in by_target.items()}
    head = ("Cron", "Target", *HEAD[2:])
    lines = [
        (
            f"{cron} (the report: {SAID[cron]})" if number == 0 else "",
            target,
            *_cells(found[target][cron], f"{target}/"),
        )
        for cron in SAID
        for number, target in enumerate(name for name in by_target if cron in found[name])
    ]
    yield from table(head, lines)
    for target, document in by_target.items():
        if left := limits(document.scenarios):
            yield from ("", f"Known limits of `{target}`, each with the shortest schedule that shows it:", "")
            for reason, names in left.items():
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                yield f"- {cell(reason)} {cell(Link(names[0], f'{target}/{names[0]}'))}{more}"
    of_pairs = {
        target: {(one, other): said for one, other, _, said in pairs(document.scenarios)}
        for target, document in by_target.items()
    }
    every = dict.fromkeys(pair for said in of_pairs.values() for pair in said)
    if every:
        yield ""
        yield from table(
            ("At once", "and", *by_target),
            [(*pair, *(said.get(pair, "not asked") for said in of_pairs.values())) for pair in every],
        )


def _is_of(result: ScenarioResult, cron: CronName) -> bool:
    when = result.file.scenario.when
    return when is not None and result.file.pair is None and when.call[0] == cron


def _is_of_faults(result: ScenarioResult) -> bool:
    return result.file.scenario.when is not None and bool(result.file.scenario.when.faults)


def _counted(words: Mapping[str, int]) -> str:
    """`twice in 14, lost in 3`."""
    return ", ".join(f"{word} in {count}" for word, count in sorted(words.items()))
