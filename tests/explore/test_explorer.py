"""The exploration loop: which executions count, and how a failure is shortened."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from cronproof.explore import explorer
from cronproof.explore.explorer import Coverage
from cronproof.explore.fault_strategy import FaultStrategy
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.gate.footprint import EVERYTHING
from cronproof.gate.trace import Decision, Piece


def executed(schedule: str) -> ExecutedSchedule:
    """A schedule of the instances A and B, in which whoever has not ended could go on."""
    left = {name: schedule.count(name) for name in "AB"}
    decisions = []
    for chosen in schedule:
        decisions.append(Decision(tuple(name for name in "AB" if left[name]), chosen, EVERYTHING))
        left[chosen] -= 1
    return ExecutedSchedule(WorkItem(), decisions)


@pytest.mark.parametrize(
    ("schedules", "shortest"),
    [
        (["ABAB", "AABB"], "AABB"),
        (["ABAB", "AB"], "AB"),
        (["BAAB", "ABBA"], "ABBA"),
        (["ABAB"], "ABAB"),
    ],
)
def test_the_shortest_failure_has_the_fewest_switches_and_steps(schedules: list[str], shortest: str) -> None:
    found = explorer.find_shortest([executed(schedule) for schedule in schedules])

    assert found is not None
    assert "".join(found.schedule) == shortest


def test_without_a_failure_there_is_none_to_shorten() -> None:
    assert explorer.find_shortest([]) is None


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("all", "DporStrategy"),
        ("all-unreduced", "PreemptionBoundedStrategy"),
        ("preemptions:2", "PreemptionBoundedStrategy"),
        ("sample:10:3", "PctStrategy"),
        ("faults", "FaultStrategy"),
    ],
)
def test_each_name_is_of_one_strategy(name: str, strategy: str) -> None:
    assert type(explorer.make_strategy(name, ["A", "B"])).__name__ == strategy


def test_a_statement_that_need_not_be_held_inside_is_made_whole_again() -> None:
    def decision(chosen: str, statement: str, *, continues: bool = False) -> Decision:
        return Decision(("A", "B"), chosen, EVERYTHING, Piece(statement, continues=continues))

    decisions = [
        decision("A", "take"),
        decision("B", "insert"),
        decision("B", "insert", continues=True),
        decision("A", "take", continues=True),
    ]
    item = WorkItem(apart={"take": "pieces", "insert": "rows", "delete": "rows"})
    tried: list[WorkItem] = []

    async def execute(items: Sequence[WorkItem]) -> list[tuple[ExecutedSchedule, Summary]]:
        tried.extend(items)
        (tried_item,) = items
        failed = "take" in tried_item.apart  # it fails only if A is held inside
        return [(ExecutedSchedule(tried_item, decisions), Summary(outcome="", failed=failed))]

    found = asyncio.run(explorer.prefer_whole(ExecutedSchedule(item, decisions), execute))

    assert found.item.apart == {"take": "pieces"}
    assert [(one.schedule, dict(one.apart)) for one in tried] == [
        (("A", "B", "A"), {"take": "pieces"}),
        (("A", "B"), {}),
    ]


@dataclass(frozen=True)
class Summary:
    failed: bool = False
    inconclusive_reason: str | None = None
    outcome: str = "one"
    summary: str = "A: 200"
    waits: int = 1
    known: Sequence[str] = ()
    anomalies: Sequence[str] = ()
    is_recorded: bool = False


def test_coverage_counts_outcomes_waits_and_anomalies() -> None:
    coverage = Coverage("all")
    for summary in (Summary(), Summary(outcome="other", anomalies=["lost"]), Summary(known=["it is so"], failed=False)):
        coverage.record(executed("AB"), summary)

    assert (coverage.schedules, coverage.waits, dict(coverage.outcomes)) == (3, 3, {"one": 2, "other": 1})
    assert (dict(coverage.anomalies), list(coverage.known), coverage.failing) == ({"lost": 1}, ["it is so"], [])


def test_every_schedule_of_two_instances_is_executed_once() -> None:
    ran: list[str] = []

    async def execute(items: Sequence[WorkItem]) -> Sequence[tuple[ExecutedSchedule, Summary]]:
        found = []
        for item in items:
            schedule, left = "", {"A": 2, "B": 2}
            decisions = []
            for position in range(4):
                enabled = tuple(name for name in "AB" if left[name])
                chosen = item.schedule[position] if position < len(item.schedule) else enabled[0]
                decisions.append(Decision(enabled, chosen, EVERYTHING))
                left[chosen] -= 1
                schedule += chosen
            ran.append(schedule)
            found.append((ExecutedSchedule(item, decisions), Summary(outcome=schedule)))
        return found

    strategy = explorer.make_strategy("all-unreduced", ["A", "B"])
    coverage, failing = asyncio.run(
        explorer.explore(strategy, "all-unreduced", execute, deadline=math.inf, progress=lambda _: None)
    )

    assert sorted(ran) == ["AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"]
    assert (failing, coverage.exhausted, coverage.complete, len(coverage.outcomes)) == (None, True, True, 6)


@pytest.mark.parametrize(("doubtful", "schedules", "stopped"), [("A!dies", 3, None), ("A", 0, "A hangs")])
def test_a_fault_that_proves_nothing_does_not_end_the_matrix(
    doubtful: str, schedules: int, stopped: str | None
) -> None:
    async def execute(items: Sequence[WorkItem]) -> Sequence[tuple[ExecutedSchedule, Summary]]:
        made = []
        for item in items:
            chosen = item.schedule[0] if item.schedule else "A"
            enabled = ("A",) if item.schedule else ("A", "A!dies", "A!sql-error")
            reason = "A hangs" if chosen == doubtful else None
            executed = ExecutedSchedule(item, [Decision(enabled, chosen, EVERYTHING)])
            made.append((executed, Summary(failed=chosen == "A!sql-error", inconclusive_reason=reason)))
        return made

    coverage, failing = asyncio.run(
        explorer.explore(FaultStrategy(), "faults", execute, deadline=math.inf, progress=lambda _: None)
    )

    assert (coverage.schedules, coverage.stopped) == (schedules, stopped)
    assert (failing is None) == (stopped is not None)
