"""Going on with a search: what was run is not run again, and nothing is mixed up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cronproof.engine.journal import Journal
from cronproof.engine.scenario_runner import Glance
from cronproof.errors import UsageError
from cronproof.explore.schedule import Decision, Follow
from cronproof.explore.strategy import Task
from cronproof.gate.footprint import Footprint

ABOUT = {"scenario": "3-race/x 00", "seed": "0"}
TASKS = [Task(("A",)), Task(("A", "B")), Task(("B",), data=(1,))]


@dataclass
class Runs:
    """Makes runs; each comes to what its schedule ends with."""

    made: list[Task] = field(default_factory=list)
    prefix: str = ""

    async def execute(self, tasks: Sequence[Task]) -> list[tuple[Follow, Glance]]:
        self.made += tasks
        return [(self._follow(task), self._glance(task)) for task in tasks]

    def _follow(self, task: Task) -> Follow:
        footprint = Footprint({"jobs": "write"}, rows={"jobs": frozenset({"1"})})
        return Follow(task.schedule, data=task.data, decisions=[Decision(("A", "B"), "A", footprint)])

    def _glance(self, task: Task) -> Glance:
        key = self.prefix + task.schedule[-1]
        return Glance(key, failed=False, hindrance=None, outcome=key, summary=key, waits=2, run=None)


def search(file: Path, runs: Runs, tasks: Sequence[Task], *, goes_on: bool) -> list[tuple[Follow, Glance]]:
    journal = Journal(file, ABOUT, goes_on=goes_on)
    try:
        return list(asyncio.run(journal.keeping(runs.execute)(tasks)))  # type: ignore[arg-type]  # a coroutine it is
    finally:
        journal.close(is_over=False)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The file of a search that ended after three runs of two outcomes."""
    file = tmp_path / "search.jsonl"
    search(file, Runs(), TASKS, goes_on=False)
    return file


def test_of_what_was_run_only_one_of_each_outcome_is_run_again(begun: Path) -> None:
    runs, more = Runs(), Task(("B", "B"))

    found = search(begun, runs, [*TASKS, more], goes_on=True)

    assert runs.made == [TASKS[0], TASKS[1], more]  # the third came to the same as the second
    follow, glance = found[2]
    assert (follow.schedule, follow.data, glance.key, glance.waits) == (("B",), (1,), "B", 2)
    assert follow.decisions == found[1][0].decisions
    assert [glance.is_recorded for _, glance in found] == [False, False, True, False]


def test_what_was_added_when_it_went_on_is_kept_too(begun: Path) -> None:
    more = Task(("A", "A"))
    search(begun, Runs(), [*TASKS, more], goes_on=True)

    runs = Runs()
    found = search(begun, runs, [*TASKS, more], goes_on=True)

    assert len(runs.made) == 2
    assert found[3][1].is_recorded


def test_a_line_that_was_cut_off_is_run_again(begun: Path) -> None:
    begun.write_bytes(begun.read_bytes()[:-20])
    runs = Runs()

    search(begun, runs, TASKS, goes_on=True)

    assert runs.made == TASKS
    assert begun.read_bytes().count(b"\n") == 4


def test_a_search_that_is_over_leaves_no_file(begun: Path) -> None:
    Journal(begun, ABOUT, goes_on=True).close(is_over=True)

    assert not begun.exists()


def test_beginning_anew_forgets_what_was_there(begun: Path) -> None:
    runs = Runs()

    search(begun, runs, TASKS[:1], goes_on=False)

    assert (runs.made, begun.read_bytes().count(b"\n")) == (TASKS[:1], 2)


def cannot(file: Path, reason: str, **changed: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Journal(file, ABOUT | changed, goes_on=True)


def test_a_search_of_something_else_is_none_to_go_on_with(begun: Path, tmp_path: Path) -> None:
    cannot(begun, "cannot go on: seed was 0, and is 1; begin anew without --continue$", seed="1")
    cannot(begun, "cannot go on: it is no search; begin anew", migration="x")
    cannot(tmp_path / "nothing", "^there is no search to go on with: .*nothing: No such file or directory$")
    begun.write_text("nothing\n")
    cannot(begun, "cannot go on: it is no search")


def test_two_runs_do_not_share_a_file(begun: Path) -> None:
    journal = Journal(begun, ABOUT, goes_on=True)

    with pytest.raises(UsageError, match=r"^another run writes its search to .*; choose another folder with --out$"):
        Journal(begun, ABOUT, goes_on=False)
    journal.close(is_over=False)
    assert begun.read_bytes().count(b"\n") == 4


def test_when_something_else_comes_of_it_now_it_cannot_go_on(begun: Path) -> None:
    with pytest.raises(UsageError, match="cannot go on: a schedule comes to something else now"):
        search(begun, Runs(prefix="edited "), TASKS, goes_on=True)
    with pytest.raises(UsageError, match="cannot go on: it has other schedules"):
        search(begun, Runs(), TASKS[::-1], goes_on=True)
    begun.write_bytes(begun.read_bytes().partition(b"\n")[0] + b"\n{}\n")
    with pytest.raises(UsageError, match="cannot go on: a line of it is no run"):
        search(begun, Runs(), TASKS, goes_on=True)
