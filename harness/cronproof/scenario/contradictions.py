"""Finds contradictions in a scenario, whatever application it is about."""

from collections.abc import Iterator

from cronproof.checks.delivery import Delivery
from cronproof.domain.work import UnitId
from cronproof.gate.fault import SLOWNESS
from cronproof.scenario.given import FilePlace
from cronproof.scenario.interleavings import Sample
from cronproof.scenario.scenario import Scenario


def find_contradictions(scenario: Scenario) -> Iterator[tuple[FilePlace, str]]:
    """Yields a scenario's contradictions: where in the file, and what is wrong."""
    when, checks = scenario.when, scenario.checks
    if when is None:
        for number, check in enumerate(checks):
            if not check.needs_only_database:
                yield ("then", number), f"{check.id} asks about a call, but there is no `when`"
        if scenario.given.rows:
            yield ("given", "rows"), "rows without a `when` are never looked at"
    elif when.instances is not None and len(when.call) > 1:
        yield ("when", "instances"), "a list under `call` already says how many instances there are"
    elif len(when.instance_list) == 1 and when.interleavings is not None:
        yield ("when", "interleavings"), "one instance cannot be interleaved; say `instances: 2`, or more"
    elif len(when.instance_list) == 1 and when.orders != ["one-after-the-other"]:
        yield ("when", "orders"), "one instance cannot be interleaved; say `instances: 2`, or more"
    if when is not None and when.interleavings is None and when.inside == "all":
        yield ("when", "inside"), "named orders keep statements whole; say `interleavings: all`"
    if when is not None and when.each_pair and len(when.call) < 3:
        yield ("when", "each_pair"), "name three crons under `call`, or more; two are a pair already"
    yield from _faults_without_schedules(scenario)
    yield from _repeated_words(scenario)
    yield from _units_counted_twice(scenario)
    yield from _choices_without_need(scenario)


def _faults_without_schedules(scenario: Scenario) -> Iterator[tuple[FilePlace, str]]:
    when = scenario.when
    if when is None or not when.faults:
        return
    if isinstance(when.interleavings, Sample):
        yield ("when", "faults"), "a sample cannot have faults; say `interleavings: all`, or leave them out"
    if when.inside == "all":
        yield ("when", "inside"), "executions with faults keep statements whole; leave `inside` out"
    if "each" in when.faults and len(when.faults) > 1:
        yield ("when", "faults"), "`each` stands for every fault; name nothing beside it"
    for number, fault in enumerate(when.faults):
        if fault in SLOWNESS and len(when.instance_list) == 1:
            said = (
                f"nobody does anything while the only instance waits for {fault}; say `instances: 2`, or leave it out"
            )
            yield ("when", "faults", number), said


def _units_counted_twice(scenario: Scenario) -> Iterator[tuple[FilePlace, str]]:
    """Yields the units that an earlier check counts the messages of already."""
    counted = set[UnitId]()
    for number, check in enumerate(scenario.checks):
        if isinstance(check, Delivery) and isinstance(check.units, list):
            for position, unit in enumerate(check.units):
                if unit in counted:
                    place = ("then", number, check.id, "units", position)
                    yield place, f"another {check.id} counts the messages of {unit} already"
            counted.update(check.units)


def _choices_without_need(scenario: Scenario) -> Iterator[tuple[FilePlace, str]]:
    sampled = scenario.when is not None and isinstance(scenario.when.interleavings, Sample)
    for path, row, column in scenario.given.places_to_choose():
        if len(row[column]["any"]) < 2:
            yield path, "`any` chooses from two values or more"
        elif not sampled:
            yield path, "only a sample draws a value of `any`; say `interleavings: {sample: 1000}`"


def _repeated_words(scenario: Scenario) -> Iterator[tuple[FilePlace, str]]:
    seen: set[str] = set()
    for number, check in enumerate(scenario.checks):
        if check.id in seen and not (check.needs_only_database or check.may_repeat):
            yield ("then", number), f"{check.id} is there twice"
        seen.add(check.id)
    orders = scenario.when.orders if scenario.when else []
    for number, order in enumerate(orders):
        if order in orders[:number]:
            yield ("when", "orders", number), f"{order} is there twice"
