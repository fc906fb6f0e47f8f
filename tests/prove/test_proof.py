"""The result of all trials: when the proof holds, and how it is reported."""

import json
import subprocess
import sys

import pytest

from cronproof.prove.proof import Proof, read_declared
from cronproof.prove.trial import Trial
from tests.support.command import Cronproof
from tests.support.paths import ROOT
from tests.support.processes import has_ended, pool_of
from tests.support.reference import CONFIG
from tests.support.trials import WHOLE, proof, trial
from tests.support.waiting import wait_until


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


def test_every_explanation_is_of_a_mutant_that_there_is() -> None:
    declared = read_declared(CONFIG)
    names = [subject.name for subject in declared.subjects]

    assert len(set(names)) == len(names)
    assert set(declared.equivalent) <= set(names)
    assert all(reason.endswith(".") for reason in declared.equivalent.values())


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
@pytest.mark.slow
def test_a_proof_that_is_killed_leaves_no_process() -> None:
    arguments = [sys.executable, "-m", "cronproof", "prove", "claim_jobs", "--workers", "2"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            wait_until(lambda: len(pool_of(process.pid)) == 2)
            started = pool_of(process.pid)
        finally:
            process.kill()
    wait_until(lambda: all(has_ended(one) for one in started))


def test_a_name_that_nothing_has_is_told(cronproof: Cronproof) -> None:
    done = cronproof("prove", "nothing_of_the_kind")

    assert done.returncode == 2
    assert done.stderr == "cronproof: nothing is named 'nothing_of_the_kind'; docs/proof.md has all names\n"
