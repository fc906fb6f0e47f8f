"""The remaining crons: what the hand-made report said of each, and what was found. No adjective without a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.explore.counterexample import Counterexample
from harness.report.table import table
from harness.results import ScenarioResult
from harness.scenario.crons import CronName

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
    shortest: tuple[str, Counterexample] | None
    """Of the schedules that show it the shortest, and the name of its file."""
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
    def verdict(self) -> str:
        """The risk with its numbers."""
        match self.risk:
            case "high":
                return f"**high**: {_counted(self.amiss)} of {self.schedules} schedules"
            case "medium":
                return f"**medium**: {_counted(self.amiss_by_fault)} of {self.faults} faults, no schedule without one"
            case "low":
                return f"**low**: nothing in {self.schedules} schedules and {self.faults} faults"
            case "not known":
                return f"**not known**: {self.doubt or 'either schedules or faults were not played'}"


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
        found.append(Measured(cron, schedules, amiss, faults, amiss_by_fault, shortest, next(iter(doubts), None)))
    return found


def rows(results: Sequence[ScenarioResult]) -> Iterator[Sequence[object]]:
    """The lines of the report's table, with the columns of `HEAD`."""
    for one in measured(results):
        yield one.cron, SAID[one.cron], *_cells(one)


def _cells(one: Measured, folder: str = "") -> Sequence[object]:
    shortest = "none" if one.shortest is None else f"[`{one.shortest[1].shown}`]({folder}{one.shortest[0]})"
    amiss, by_fault = (_counted(words) or "none" for words in (one.amiss, one.amiss_by_fault))
    return one.schedules, amiss, one.faults, by_fault, shortest, one.verdict


def pairs(results: Sequence[ScenarioResult]) -> Iterator[tuple[str, str, int, str]]:
    """A line for each pair of crons: which, how many schedules, and how they interfere."""
    for result in results:
        if result.file.pair is not None:
            one, other = result.file.pair
            said = next((check.message for check in result.checks if check.id == "no-interference"), "")
            yield one, other, result.exploration.schedules, said


def limits(results: Sequence[ScenarioResult], folder: str = "") -> Iterator[str]:
    """Each known limit once, with its reason and the schedules that show it, which are in a folder."""
    shown: dict[str, list[str]] = {}
    for result in results:
        for name, counterexample in result.counterexamples:
            if counterexample.known is not None:
                shown.setdefault(counterexample.known, []).append(name)
    for reason, names in shown.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"- {reason} [`{names[0]}`]({folder}{names[0]}){more}"


def compared(by_target: Mapping[str, Sequence[ScenarioResult]]) -> Iterator[str]:
    """The report's table again, with a line for each target below each cron; then the limits that are left, and the pairs."""
    found = {target: {one.cron: one for one in measured(results)} for target, results in by_target.items()}
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
    for target, results in by_target.items():
        if left := list(limits(results, f"{target}/")):
            yield from ("", f"Known limits of `{target}`, each with the shortest schedule that shows it:", "", *left)
    of_pairs = {
        target: {(one, other): said for one, other, _, said in pairs(results)} for target, results in by_target.items()
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
