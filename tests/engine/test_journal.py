"""Continuing a search: no schedule is executed twice, and searches are not mixed up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cronproof.engine.evaluate import ExecutionSummary
from cronproof.engine.journal import Journal
from cronproof.errors import UsageError
from cronproof.explore.schedule import ExecutedSchedule, WorkItem
from cronproof.gate.footprint import Footprint
from cronproof.gate.trace import Decision

ABOUT = {"scenario": "3-race/x 00", "seed": "0"}
TASKS = [WorkItem(("A",)), WorkItem(("A", "B")), WorkItem(("B",), data=(1,))]


@dataclass
class Runs:
    """Executes schedules. The outcome is the last instance of the schedule."""

    made: list[WorkItem] = field(default_factory=list)
    prefix: str = ""

    async def execute(self, tasks: Sequence[WorkItem]) -> list[tuple[ExecutedSchedule, ExecutionSummary]]:
        self.made += tasks
        return [(self._executed(task), self._summary(task)) for task in tasks]

    def _executed(self, task: WorkItem) -> ExecutedSchedule:
        footprint = Footprint({"jobs": "write"}, rows={"jobs": frozenset({"1"})})
        return ExecutedSchedule(task, [Decision(("A", "B"), "A", footprint)])

    def _summary(self, task: WorkItem) -> ExecutionSummary:
        key = self.prefix + task.schedule[-1]
        return ExecutionSummary(
            key, failed=False, inconclusive_reason=None, outcome=key, summary=key, waits=2, evidence=None
        )


def search(
    file: Path, runs: Runs, tasks: Sequence[WorkItem], *, continues: bool
) -> list[tuple[ExecutedSchedule, ExecutionSummary]]:
    journal = Journal(file, ABOUT, continues=continues)
    try:
        return list(asyncio.run(journal.keeping(runs.execute)(tasks)))  # type: ignore[arg-type]  # it is a coroutine
    finally:
        journal.close(is_over=False)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The file of a search that ended after three executions with two outcomes."""
    file = tmp_path / "search.jsonl"
    search(file, Runs(), TASKS, continues=False)
    return file


def test_of_what_was_run_only_one_of_each_outcome_is_run_again(begun: Path) -> None:
    runs, more = Runs(), WorkItem(("B", "B"))

    found = search(begun, runs, [*TASKS, more], continues=True)

    assert runs.made == [TASKS[0], TASKS[1], more]  # the third had the outcome of the second
    executed, summary = found[2]
    assert (executed.item.schedule, executed.data, summary.key, summary.waits) == (("B",), (1,), "B", 2)
    assert executed.decisions == found[1][0].decisions
    assert [summary.is_recorded for _, summary in found] == [False, False, True, False]


def test_what_was_added_when_it_went_on_is_kept_too(begun: Path) -> None:
    more = WorkItem(("A", "A"))
    search(begun, Runs(), [*TASKS, more], continues=True)

    runs = Runs()
    found = search(begun, runs, [*TASKS, more], continues=True)

    assert len(runs.made) == 2
    assert found[3][1].is_recorded


def test_a_line_that_was_cut_off_is_run_again(begun: Path) -> None:
    begun.write_bytes(begun.read_bytes()[:-20])
    runs = Runs()

    search(begun, runs, TASKS, continues=True)

    assert runs.made == TASKS
    assert begun.read_bytes().count(b"\n") == 4


def test_a_search_that_is_over_leaves_no_file(begun: Path) -> None:
    Journal(begun, ABOUT, continues=True).close(is_over=True)

    assert not begun.exists()


def test_beginning_anew_forgets_what_was_there(begun: Path) -> None:
    runs = Runs()

    search(begun, runs, TASKS[:1], continues=False)

    assert (runs.made, begun.read_bytes().count(b"\n")) == (TASKS[:1], 2)


def cannot(file: Path, reason: str, **changed: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Journal(file, ABOUT | changed, continues=True)


def test_a_search_of_something_else_is_none_to_go_on_with(begun: Path, tmp_path: Path) -> None:
    cannot(begun, "cannot continue: seed was 0, and is 1; start over without --continue$", seed="1")
    cannot(begun, "cannot continue: it is not a recorded exploration; start over", migration="x")
    cannot(tmp_path / "nothing", "^there is no exploration to continue: .*nothing: No such file or directory$")
    begun.write_text("nothing\n")
    cannot(begun, "cannot continue: it is not a recorded exploration")


def test_two_runs_do_not_share_a_file(begun: Path) -> None:
    journal = Journal(begun, ABOUT, continues=True)

    with pytest.raises(
        UsageError, match=r"^another run records its exploration in .*; choose another folder with --out$"
    ):
        Journal(begun, ABOUT, continues=False)
    journal.close(is_over=False)
    assert begun.read_bytes().count(b"\n") == 4


def test_when_something_else_comes_of_it_now_it_cannot_go_on(begun: Path) -> None:
    with pytest.raises(UsageError, match="cannot continue: a schedule has a different outcome now"):
        search(begun, Runs(prefix="edited "), TASKS, continues=True)
    with pytest.raises(UsageError, match="cannot continue: its schedules differ"):
        search(begun, Runs(), TASKS[::-1], continues=True)
    begun.write_bytes(begun.read_bytes().partition(b"\n")[0] + b"\n{}\n")
    with pytest.raises(UsageError, match="cannot continue: one of its lines is not an execution"):
        search(begun, Runs(), TASKS, continues=True)
