"""Finds what a scenario asks for and no declared work can answer."""

from collections.abc import Iterator, Mapping, Sequence

from cronproof.checks.delivery import Delivery
from cronproof.domain.application import Application
from cronproof.domain.work import NamedUnits, UnitId, Work, in_order, join_key, several
from cronproof.errors import nearest
from cronproof.scenario.given import FilePlace, rows_of
from cronproof.scenario.rows import repeat_value
from cronproof.scenario.scenario import Scenario


def find_work_mistakes(scenario: Scenario, application: Application) -> Iterator[tuple[FilePlace, str]]:
    """Yields a scenario's mistakes about units of work: where in the file, and what is wrong."""
    if scenario.when is None:
        return
    works = application.works_of(scenario.when.call)
    if works:
        yield from _unknown_units(scenario, works)
        return
    does = f"{scenario.when.call[0]} does none"
    hint = "" if application.works else "; declare it as [work.NAME] in cronproof.toml"
    for number, check in enumerate(scenario.checks):
        if check.is_about_units and not (isinstance(check, Delivery) and not check.units):
            yield ("then", number), f"{check.id} asks about units of work, and {does}{hint}"


def _unknown_units(scenario: Scenario, works: Sequence[Work]) -> Iterator[tuple[FilePlace, str]]:
    by_name = {work.name: work for work in works}
    for number, check in enumerate(scenario.checks):
        for parameter in ("units", "skipped"):
            asked: NamedUnits = getattr(check, parameter, None) or []
            is_text = check.id == "text"
            place: FilePlace = ("then", number, check.id, *(() if is_text else (parameter,)))
            if not isinstance(asked, Mapping):
                yield from _unknown_ids(scenario, works, asked, place, is_key=is_text)
                continue
            for name, ids in asked.items():
                if name in by_name:
                    yield from _unknown_ids(scenario, [by_name[name]], ids, (*place, name), is_key=is_text)
                else:
                    yield (*place, name), f"there is no work {name!r} of these crons{nearest(name, list(by_name))}"


def _unknown_ids(
    scenario: Scenario, works: Sequence[Work], asked: Sequence[UnitId], place: FilePlace, *, is_key: bool
) -> Iterator[tuple[FilePlace, str]]:
    ids = _find_ids(scenario, works)
    if ids is None:
        return
    word, tables = works[0].unit, " and ".join(dict.fromkeys(work.table for work in works))
    known = f"the {several(word)} are: {', '.join(map(str, in_order(ids)[:8]))}"
    if not ids:
        given = ", ".join(scenario.given.rows) or "none"
        known = f"there are no rows of {tables}; the tables with rows are: {given}"
    for position, unit in enumerate(asked):
        at = (*place, unit if is_key else position)
        if unit in asked[:position]:
            yield at, f"{word} {unit} is there twice"
        if unit not in ids:
            yield at, f"no {word} {unit} is given; {known}"


def _find_ids(scenario: Scenario, works: Sequence[Work]) -> set[UnitId] | None:
    """Returns the ids of all given units; None if the database makes up some."""
    found: set[UnitId] = set()
    for work in works:
        for _, repetition, row in rows_of(scenario.given.rows.get(work.table, [])):
            if not all(column in row for column in work.key):
                return None
            found.add(join_key([repeat_value(column, row[column], repetition) for column in work.key]))
    return found
