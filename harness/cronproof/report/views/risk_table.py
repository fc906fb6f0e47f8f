"""The table of the remaining crons: what the hand-made report said of each, and what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cronproof.report.data.document import Document, ScenarioEntry
from cronproof.report.data.risk import MeasuredRisk, count_words
from cronproof.report.views.table import Cell, Link, Strong, cell, table

HEAD = ("Cron", "The report said", "Schedules", "Anomalies", "Faults", "Anomalies", "Shortest counterexample", "Risk")


def make_rows(found: Sequence[MeasuredRisk], reported: Mapping[str, str | None]) -> Iterator[Sequence[Cell]]:
    """Yields the rows of the report's table, with the columns of `HEAD`. `reported`: the stated risk of each cron."""
    for one in found:
        yield one.cron, reported.get(one.cron) or "", *_cells(one)


def _cells(one: MeasuredRisk, folder: str = "") -> Sequence[Cell]:
    shortest = "none" if one.shortest is None else Link(one.shortest[0], folder + one.shortest[1])
    anomalies, by_fault = (count_words(words) or "none" for words in (one.anomalies, one.anomalies_by_fault))
    return one.schedules, anomalies, one.faults, by_fault, shortest, (Strong(one.risk), f": {one.numbers}")


def pairs(scenarios: Sequence[ScenarioEntry]) -> Iterator[tuple[str, str, int, str]]:
    """Yields a row for each pair of crons: which, how many schedules, and how they interfere."""
    for scenario in scenarios:
        if scenario.pair is not None:
            said = next((check.message for check in scenario.checks if check.id == "no-interference"), "")
            yield *scenario.pair, scenario.exploration.schedules, said


def limits(scenarios: Sequence[ScenarioEntry]) -> Mapping[str, Sequence[str]]:
    """Returns the known limits by reason, each with the files of the schedules that show it."""
    found: dict[str, list[str]] = {}
    for scenario in scenarios:
        for known in scenario.known or ():
            found.setdefault(known.reason, []).append(Path(known.counterexample).name)
    return found


def compare_targets(by_target: Mapping[str, Document]) -> Iterator[str]:
    """Yields the table with a row per cron and target, then the known limits and the pairs."""
    found = {target: {one.cron: one for one in document.risks} for target, document in by_target.items()}
    reported = {cron: risk for document in by_target.values() for cron, risk in document.crons.items()}
    head = ("Cron", "Target", *HEAD[2:])
    lines = [
        (
            f"{cron} (the report: {reported[cron]})" if number == 0 else "",
            target,
            *_cells(found[target][cron], f"{target}/"),
        )
        for cron in reported
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
