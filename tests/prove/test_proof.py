"""The result of all trials: when the proof holds, and how it is reported."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import psutil
import pytest

from cronproof.prove import kill_matrix
from cronproof.prove.proof import Proof, subjects
from cronproof.prove.trial import Outcome, Subject, Trial
from cronproof.targets.reference import find_equivalent
from tests.support.command import Cronproof
from tests.support.paths import ROOT
from tests.support.waiting import wait_until


def trial(name: str, kind: Any, outcome: Outcome, *, proves: str | None = None, failed: Sequence[str] = (),
          doubts: Sequence[str] = ()) -> Trial:  # fmt: skip
    subject = Subject(name, kind, {}, proves=proves, bug="A1" if proves else "")
    return Trial(
        subject, outcome, failed, "3-race/x" if failed else None, "so it failed" if failed else None, 0.1, doubts
    )


CAUGHT = trial("one", "saboteur", "caught", proves="exclusive", failed=["no-duplicate", "exclusive"])
RIGHT = trial("right", "variant", "missed")
MUTANTS = [trial(f"m{number}", "mutant", "caught", failed=["status"]) for number in range(98)]
ALIVE = trial("alive", "mutant", "missed")
EXPLAINED = trial("same", "mutant", "missed")
WHOLE = [CAUGHT, RIGHT, *MUTANTS, ALIVE, EXPLAINED, trial("refused", "mutant", "broken")]


def proof(*trials: Trial) -> Proof:
    return Proof([*WHOLE, *trials], {"same": "it is the same"}, 1.0)


@pytest.mark.parametrize(
    ("others", "holds"),
    [
        ([], True),
        ([trial("two", "saboteur", "caught by another check", proves="egress", failed=["status"])], False),
        ([trial("two", "saboteur", "missed", proves="egress")], False),
        ([trial("two", "saboteur", "timed out", proves="egress", failed=["status"])], False),
        ([trial("accused", "variant", "caught by another check", failed=["status"])], False),
        ([trial("doubted", "variant", "missed", doubts=["3-race/x: it hung"])], False),
        ([trial("alive too", "mutant", "missed")], True),
        ([trial("alive too", "mutant", "missed"), trial("late", "mutant", "timed out")], False),
    ],
)
def test_it_holds_when_all_saboteurs_and_nearly_all_mutants_are_caught_and_nothing_is_accused(
    others: list[Trial], holds: bool
) -> None:
    assert proof(*others).holds is holds


def test_an_explanation_of_what_is_caught_is_stale() -> None:
    stale = Proof([*WHOLE[:-2], trial("same", "mutant", "caught", failed=["status"])], {"same": "it is not"}, 1.0)

    assert (stale.stale, stale.holds) == (["same"], False)


def test_the_matrix_says_which_check_caught_what() -> None:
    missed = trial("two", "saboteur", "caught by another check", proves="egress", failed=["status"])

    lines = list(kill_matrix.lines(proof(missed)))

    one, two = (next(line for line in lines if line.startswith(f"A1    {name}")) for name in ("one", "two"))
    assert (one.count("●"), one.count("○"), two.count("✗"), two.count("○")) == (1, 1, 1, 1)
    assert "1 of 2 saboteurs caught by the check that they name" in lines
    assert "  two (egress): caught by another check (3-race/x: so it failed)" in lines
    assert "98 of 99 mutants caught (99.0 %, at least 98 % are asked for)" in lines
    assert "  not caught: alive" in lines
    assert "  1 more are refused by Postgres, or cannot be imported" in lines


def test_every_explanation_is_of_a_mutant_that_there_is() -> None:
    names = [subject.name for subject in subjects()]

    assert len(set(names)) == len(names)
    assert set(find_equivalent()) <= set(names)
    assert all(reason.endswith(".") for reason in find_equivalent().values())


@pytest.mark.postgres
def test_the_command_tries_what_it_is_told_to_and_says_whether_it_is_proven(cronproof: Cronproof) -> None:
    done = cronproof("prove", "no_limit", "newest_first")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 implementations on trial" in done.stdout
    assert "2 of 2 saboteurs caught by the check that they name" in done.stdout
    assert "\nPROVEN in " in done.stdout


@pytest.mark.postgres
@pytest.mark.slow
def test_what_is_not_caught_is_not_proven_and_json_is_one_document(cronproof: Cronproof) -> None:
    done = cronproof("prove", "monthly_followup: run: not errors", "--json", "--workers", "1")

    document = json.loads(done.stdout)
    assert (done.returncode, document["holds"], document["caught_share"]) == (1, False, 0.0)
    (one,) = document["trials"]
    assert (one["kind"], one["outcome"], one["failed"]) == ("mutant", "missed", [])


@pytest.mark.postgres
def test_a_proof_that_is_killed_leaves_no_process() -> None:
    arguments = [sys.executable, "-m", "cronproof", "prove", "claim_jobs", "--workers", "2"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run = psutil.Process(process.pid)
        wait_until(lambda: len(of_the_pool(run)) == 2)
        started = of_the_pool(run)
        process.kill()
    wait_until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started))


def of_the_pool(run: psutil.Process) -> list[psutil.Process]:
    return [child for child in run.children() if "multiprocessing.spawn" in " ".join(child.cmdline())]


def test_a_name_that_nothing_has_is_told(cronproof: Cronproof) -> None:
    done = cronproof("prove", "nobody")

    assert done.returncode == 2
    assert done.stderr == "cronproof: nothing is named 'nobody'; docs/proof.md has all names\n"
