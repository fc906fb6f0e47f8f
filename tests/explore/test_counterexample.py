"""Counterexample files, replayed on instances that are plain coroutines."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cronproof.errors import InvalidScenario
from cronproof.explore.counterexample import Counterexample, CounterexamplePolicy, read_counterexample
from cronproof.explore.policy import Diverged
from tests.support.programs import Instances, statements

COUNTEREXAMPLE = Counterexample(
    scenario="scenarios/3-race/post-job-followup.yaml",
    target="legacy",
    migrations=["sql/06-cron-locking.sql"],
    check="no-duplicate",
    message="job 32: ********0132 got 2 messages: #1 by A",
    schedule=[{"A": "start"}, {"B": "start"}, {"A": "select tenants"}, {"B": "call openphone POST /v1/messages"}],
)


def test_a_file_is_read_as_it_was_written_and_each_step_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(COUNTEREXAMPLE.text())

    assert read_counterexample(file) == COUNTEREXAMPLE
    assert "- A: select tenants\n- B: call openphone POST /v1/messages\n" in file.read_text()


def test_a_file_without_a_version_is_read_with_the_checks_names_of_today(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(COUNTEREXAMPLE.text().replace("version: 2\n", "").replace("check: no-duplicate", "check: tries"))

    assert read_counterexample(file).check == "max-attempts"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no counterexample: the file: input should be"),
        ("scenario: x", "no counterexample: target: field required"),
        ("version: 3", "no counterexample: version: input should be 2"),
        ("[", "cannot be read: "),
        (COUNTEREXAMPLE.text().replace("- A: start", "- {}"), "no counterexample: schedule.0: "),
        (
            COUNTEREXAMPLE.text().replace("- A: select", "- A!Naps: select"),
            "no counterexample: schedule.2: 'Naps' is no name of a fault",
        ),
        (
            COUNTEREXAMPLE.text().replace("migrations:", 'config: "a\\0"\nmigrations:'),
            "no counterexample: config: a path contains no NUL",
        ),
    ],
)
def test_what_is_none_is_told_in_a_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)

    with pytest.raises(InvalidScenario) as raised:
        read_counterexample(file)
    assert str(raised.value).startswith(f"{file}:1:1: {message}")
    assert "\n" not in str(raised.value)


def replayed(steps: Sequence[tuple[str, str]], **programs: Sequence[str]) -> tuple[list[str], list[str]]:
    async def main() -> tuple[list[str], list[str]]:
        instances = Instances(**{name: statements(*texts) for name, texts in programs.items()})
        policy = CounterexamplePolicy(steps)
        try:
            trace = await instances.executor.run(policy)
        finally:
            await instances.executor.abandon()
        if policy.position < len(steps):
            raise Diverged(policy.divergence)
        return [str(step) for step in trace.steps], policy.extra

    return asyncio.run(main())


STEPS = [("A", "start"), ("B", "start"), ("A", "select a"), ("B", "select b"), ("A", "update a (x)")]


def test_the_steps_are_taken_as_the_file_says_and_the_rest_follows() -> None:
    steps, passed = replayed(STEPS, A=["select from a", "update a set x = 1"], B=["select from b", "commit"])

    assert steps == [
        "A: start",
        "B: start",
        "A: select from a",
        "B: select from b",
        "A: update a set x = 1",
        "B: commit",
    ]
    assert passed == []


def test_a_fault_is_met_where_the_file_says_and_nowhere_on_the_way() -> None:
    steps, passed = replayed(
        [("A", "start"), ("B", "start"), ("A!sql-error", "update a (x)")],
        A=["select from a", "update a set x = 1"],
        B=["commit"],
    )

    assert steps[2:] == ["A: select from a", "A!sql-error: update a set x = 1", "B: commit"]
    assert passed == ["A: select a"]


def test_a_fault_that_cannot_be_met_there_diverges() -> None:
    with pytest.raises(Diverged, match=r"^step 2 should meet truncated, which cannot happen at 'select a'$"):
        replayed([("A", "start"), ("A!truncated", "select a")], A=["select from a"])


def test_what_an_edit_has_added_is_done_on_the_way() -> None:
    steps, passed = replayed(STEPS, A=["select from a", "select 1", "update a set x = 1"], B=["select from b"])

    assert steps[-2:] == ["A: select 1", "A: update a set x = 1"]
    assert passed == ["A: select a value"]


def test_a_step_that_is_not_there_any_more_diverges_and_says_what_came() -> None:
    with pytest.raises(Diverged, match=r"^step 3 should be A: 'select a'; A came to 'begin' instead$"):
        replayed(STEPS, A=["begin", "commit"], B=["select from b"])
    with pytest.raises(Diverged, match=r"^step 5 should be A: 'update a \(x\)'; A does nothing more$"):
        replayed(STEPS, A=["select from a"], B=["select from b"])
    with pytest.raises(Diverged, match=r"^step 2 is a step of B, but the scenario has no such instance$"):
        replayed(STEPS, A=["select from a"])
