"""`cronproof explore`."""

import json
import re
from pathlib import Path

import pytest

from tests.support.command import RACE, Cronproof, interrupted
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


THREE = "scenarios/3-race/three-instances.yaml"


DRAWN = """
title: Whoever is due gets one message
why: Only one of the values makes the job eligible, so only data and schedule together show the duplicate.
test: race
given:
  rows:
    customers:
      - {id: 1, first_name: {any: [Ada, Bo, Cy]}, phone_number: "+12125550132"}
    jobs:
      - {id: 32, customer_id: 1, status: completed, completed_at: {any: [1 hour ago, 90 minutes ago, 3 hours ago]}}
when:
  call: post-job-followup
  instances: 2
  interleavings: {sample: 100}
then:
  - no-duplicate
"""


def test_the_duplicate_is_drawn_with_its_shortest_schedule(duplicate: Path) -> None:
    drawn = (duplicate.parent / "stdout").read_text().partition("The shortest schedule that fails no-duplicate:")[2]

    lines = [line.rstrip() for line in drawn.splitlines() if line.strip()]
    assert lines[0].split() == ["A", "B"]
    steps = [line.split(maxsplit=1)[1] for line in lines[1:] if line.split()[0].isdigit()]
    assert len(steps) == 14
    (broken,) = [number for number, line in enumerate(lines) if "✗ no-duplicate: job 32: ********0132 got 2" in line]
    assert lines[broken - 1].endswith("message #2 to ********0132 accepted")
    assert "+12125550132" not in drawn


@pytest.mark.slow
def test_every_schedule_of_the_reference_is_run_and_none_fails(cronproof: Cronproof, tmp_path: Path) -> None:
    reduced = json.loads(cronproof("explore", RACE, "--out", str(tmp_path), "--json").stdout)["scenarios"][0]
    done = cronproof("explore", RACE, "--out", str(tmp_path), "--json", "--interleavings", "all-unreduced")
    every = json.loads(done.stdout)["scenarios"][0]

    assert reduced["verdict"] == every["verdict"] == "PASS"
    assert reduced["exploration"]["exhausted"]
    assert every["exploration"]["exhausted"]
    assert every["exploration"]["schedules"] > 10 * reduced["exploration"]["schedules"]
    assert every["exploration"]["distinct_outcomes"] == reduced["exploration"]["distinct_outcomes"] == 2
    assert "counterexample" not in every
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_workers(
    cronproof: Cronproof, duplicate: Path, tmp_path: Path
) -> None:
    of_one = cronproof("explore", THREE, "--out", str(tmp_path / "1"), "--json")
    of_two = cronproof("explore", THREE, "--out", str(tmp_path / "2"), "--json", "--workers", "2")
    failing = cronproof("explore", RACE, "--target", "legacy", "--out", str(tmp_path), "--workers", "2")

    one, two = (json.loads(done.stdout)["scenarios"][0] for done in (of_one, of_two))
    for result in (one, two):
        del result["exploration"]["seconds"]
    assert one == two
    assert failing.returncode == 1
    assert (tmp_path / duplicate.name).read_text() == duplicate.read_text()


def test_without_skip_locked_it_is_shown_who_waits_for_whom(cronproof: Cronproof, tmp_path: Path) -> None:
    file = tmp_path / "waits.sql"
    file.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text().replace("skip locked", ""))

    done = cronproof("explore", RACE, "--migration", str(file), "--out", str(tmp_path))

    assert done.returncode == 1
    assert "select claim_jobs_for_followup()    B waits for A" in done.stdout


def test_a_bound_is_not_all(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("explore", RACE, "--out", str(tmp_path), "--interleavings", "preemptions:1", "--json")

    exploration = json.loads(done.stdout)["scenarios"][0]["exploration"]
    assert done.returncode == 0
    assert (exploration["strategy"], exploration["exhausted"]) == ("preemptions:1", False)


def test_when_the_budget_ends_nothing_is_proven(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("explore", RACE, "--out", str(tmp_path), "--interleavings", "all-unreduced", "--budget", "0.2")

    assert done.returncode == 4
    assert "INCONCLUSIVE  exclusive      the time budget was used up" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scenarios"], "cronproof: scenarios is a folder; name one scenario file in it"),
        (["nowhere.yaml"], "cronproof: no scenario at nowhere.yaml"),
        (["scenarios/2-responses/by-post.yaml"], "calls fewer than two instances: there is nothing to explore"),
        (
            [RACE, "--interleavings", "some"],
            "cronproof: --interleavings 'some' is none of: all|all-unreduced|preemptions:N|sample:N[:DEPTH]",
        ),
        ([RACE, "--interleavings", "preemptions:x"], "cronproof: --interleavings 'preemptions:x' is none of"),
    ],
)
def test_what_cannot_be_explored_is_told_in_a_line(cronproof: Cronproof, arguments: list[str], message: str) -> None:
    done = cronproof("explore", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_tells_what_was_found_until_then(tmp_path: Path) -> None:
    code, output, progress = interrupted("explore", THREE, "--out", str(tmp_path), "--interleavings", "all-unreduced")

    assert re.search(r"^\r\d+ schedules, about \d+ left, \d+ s, \d+ a second, none failed", progress)
    assert code == 130
    assert "INCONCLUSIVE  exclusive      interrupted" in output
    assert "(all-unreduced, stopped: interrupted)" in output


@pytest.mark.slow
def test_a_search_that_was_interrupted_goes_on_to_the_same_result(cronproof: Cronproof, tmp_path: Path) -> None:
    explore = ["explore", RACE, "--interleavings", "all-unreduced", "--out", str(tmp_path)]
    _, begun, _ = interrupted(*explore)
    (again,) = [line.strip() for line in begun.splitlines() if line.endswith("--continue")]
    assert again == " ".join(["cronproof", *explore, "--continue"])
    of_another = cronproof(*explore, "--continue", "--target", "legacy")
    edited = tmp_path / "edited.sql"
    edited.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text())
    on_another = cronproof(*explore, "--continue", "--migration", str(edited))
    edited.unlink()

    done = cronproof(*explore, "--continue", "--json", "--workers", "2")

    exploration = json.loads(done.stdout)["scenarios"][0]["exploration"]
    assert (of_another.returncode, done.returncode) == (2, 0)
    assert "cannot continue: target was reference, and is legacy; start over without --continue" in of_another.stderr
    assert re.search(
        r"cannot continue: migrations was .*06-cron-locking\.sql \w+, and is .*edited\.sql", on_another.stderr
    )
    assert (exploration["schedules"], exploration["exhausted"], exploration["distinct_outcomes"]) == (530, True, 2)
    assert not list(tmp_path.iterdir())


def test_without_a_search_there_is_nothing_to_go_on_with(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("explore", RACE, "--out", str(tmp_path), "--continue")

    assert done.returncode == 2
    assert "cronproof: there is no exploration to continue: " in done.stderr


def test_a_sample_states_what_is_known_of_the_rest(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("explore", RACE, "--interleavings", "sample:60:2", "--json", "--out", str(tmp_path))
    again = cronproof("explore", RACE, "--interleavings", "sample:60:2", "--json", "--out", str(tmp_path))

    exploration, same = (json.loads(run.stdout)["scenarios"][0]["exploration"] for run in (done, again))
    assert done.returncode == 0
    assert (exploration["strategy"], exploration["schedules"], exploration["exhausted"]) == ("sample:60:2", 60, False)
    assert exploration["assurance"]["depth"] == 2
    assert 0.5 < exploration["assurance"]["probability"] < 1
    assert {**exploration, "seconds": 0} == {**same, "seconds": 0}


def test_data_and_schedule_are_drawn_and_shrunk_together(cronproof: Cronproof, tmp_path: Path) -> None:
    file = tmp_path / "drawn.yaml"
    file.write_text(DRAWN)

    reference = cronproof("explore", str(file), "--out", str(tmp_path))
    legacy = cronproof("explore", str(file), "--out", str(tmp_path), "--target", "legacy")

    assert reference.returncode == 0
    assert (
        "100 schedules (drawn at random; a failure that takes 3 pairs of steps in a certain order" in reference.stdout
    )
    assert legacy.returncode == 1
    (counterexample,) = tmp_path.glob("*.counterexample.yaml")
    assert "\nmigrations:\n- sql/06-cron-locking.sql\n" in counterexample.read_text()
    assert "\ndata:\n  jobs.0.completed_at: 3 hours ago\nschedule:\n" in counterexample.read_text()
    assert cronproof("replay", str(counterexample)).returncode == 1
    file.write_text(DRAWN.replace("3 hours ago", "4 hours ago"))
    gone = cronproof("replay", str(counterexample))
    assert gone.returncode == 2
    assert "does not have the rows of the counterexample any more: jobs.0.completed_at cannot be" in gone.stderr


def test_statements_cannot_be_taken_apart_under_faults(cronproof: Cronproof) -> None:
    done = cronproof("explore", "scenarios/7-faults/post-job-followup.yaml", "--inside", "all")

    assert done.returncode == 2
    assert done.stderr == "cronproof: --inside all: executions with faults keep statements whole; leave it out\n"
