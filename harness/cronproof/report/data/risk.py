"""The risk of the remaining crons, measured. No adjective without a number."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cronproof.engine.results import ScenarioResult

Risk = Literal["high", "medium", "low", "not known"]


@dataclass(frozen=True)
class MeasuredRisk:
    """One cron's measured risk: in how many schedules, and with how many faults, anomalies show."""

    cron: str
    schedules: int
    anomalies: Mapping[str, int]
    faults: int
    anomalies_by_fault: Mapping[str, int]
    shortest: tuple[str, str] | None = None
    """The shortest schedule that shows an anomaly, abbreviated, and the name of its file."""
    doubt: str | None = None
    """Why not everything was executed, if it was not."""

    @property
    def risk(self) -> Risk:
        """High if anomalies show without faults, medium if they need a fault."""
        if self.anomalies:
            return "high"
        if self.doubt is not None or not (self.schedules and self.faults):
            return "not known"
        return "medium" if self.anomalies_by_fault else "low"

    @property
    def numbers(self) -> str:
        """The numbers behind the risk."""
        match self.risk:
            case "high":
                return f"{count_words(self.anomalies)} of {self.schedules} schedules"
            case "medium":
                return f"{count_words(self.anomalies_by_fault)} of {self.faults} faults, in no schedule without faults"
            case "low":
                return f"nothing in {self.schedules} schedules and {self.faults} faults"
            case "not known":
                return self.doubt or "either schedules or faults were not executed"


def measure_risks(results: Sequence[ScenarioResult], crons: Iterable[str]) -> list[MeasuredRisk]:
    """Measures the risk of each of these crons that was verified."""
    found = []
    for cron in crons:
        of_cron = [result for result in results if _is_of(result, cron)]
        if not of_cron:
            continue
        schedules, faults = 0, 0
        anomalies, by_fault = Counter[str](), Counter[str]()
        for result in of_cron:
            if result.is_explored and not _has_faults(result):
                schedules += result.exploration.schedules
                anomalies.update(result.exploration.anomalies)
                continue
            different = {one.key: one for one in result.evidence if one.inconclusive_reason is None}
            for evidence in different.values():
                (by_fault if evidence.injected_faults else anomalies).update(evidence.anomalies)
                faults += bool(evidence.injected_faults)
                schedules += not evidence.injected_faults
        doubts = [result.reason for result in of_cron if result.verdict == "INCONCLUSIVE"]
        shortest = min(
            (one for result in of_cron for one in result.counterexamples),
            key=lambda named: ("!" in named[1].abbreviated, len(named[1].steps), named[0]),
            default=None,
        )
        short = None if shortest is None else (shortest[1].abbreviated, shortest[0])
        found.append(MeasuredRisk(cron, schedules, anomalies, faults, by_fault, short, next(iter(doubts), None)))
    return found


def join_risks(parts: Sequence[Sequence[MeasuredRisk]], crons: Iterable[str]) -> list[MeasuredRisk]:
    """Joins the risks that several parts of a run have measured, in the order of `crons`."""
    found = []
    for cron in crons:
        of_cron = [one for part in parts for one in part if one.cron == cron]
        if of_cron:
            anomalies, by_fault = Counter[str](), Counter[str]()
            for one in of_cron:
                anomalies.update(one.anomalies)
                by_fault.update(one.anomalies_by_fault)
            shown = [one.shortest for one in of_cron if one.shortest is not None]
            shortest = min(shown, key=lambda schedule: ("!" in schedule[0], len(schedule[0]), schedule), default=None)
            schedules, faults = (
                sum(counts) for counts in zip(*((one.schedules, one.faults) for one in of_cron), strict=True)
            )
            doubt = next((one.doubt for one in of_cron if one.doubt is not None), None)
            found.append(MeasuredRisk(cron, schedules, anomalies, faults, by_fault, shortest, doubt))
    return found


def count_words(words: Mapping[str, int]) -> str:
    """Renders counts by word: `duplicate in 14, lost in 3`."""
    return ", ".join(f"{word} in {count}" for word, count in sorted(words.items()))


def _is_of(result: ScenarioResult, cron: str) -> bool:
    when = result.file.scenario.when
    return when is not None and result.file.pair is None and when.call[0] == cron


def _has_faults(result: ScenarioResult) -> bool:
    return result.file.scenario.when is not None and bool(result.file.scenario.when.faults)
