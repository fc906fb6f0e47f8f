"""Workers on tables of their own, in a folder that is not this repository: right ones pass, wrong ones fail."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Cronproof
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres

APPS = ROOT / "tests" / "foreign" / "apps"
WRONG = {
    "outbox": ("no-duplicate", "email 2: ********0132 got 2 messages"),
    "tasks": ("no-duplicate", "task 6f1c2f5e-0000-4000-8000-000000000001: ********0132 got 2 messages"),
    "queue": ("no-duplicate", "notice"),
    "digests": ("exclusive", "account 1 was claimed by A and by B (digest)"),
    "pack": ("holds", 'violated: what is packed is gone from the stock: {"sku": "lamp", "stock": 0}'),
}
"""What is found of the wrong version of each worker: the check, and its message."""


def verify_races(target: str, names: Iterable[str], cronproof: Cronproof, folder: Path) -> dict[str, dict[str, Any]]:
    """Verifies the races of the workers in one run, and returns the scenarios of its document by name."""
    files = [f"scenarios/races/{name}.yaml" for name in names]
    done = cronproof("verify", *files, "--target", target, "--json", "--out", str(folder), folder=APPS)
    return {one["id"].partition("/")[2]: one for one in json.loads(done.stdout)["scenarios"]}


SOME = {"outbox", "digests"}


@pytest.mark.parametrize("names", [SOME, pytest.param(WRONG.keys() - SOME, marks=pytest.mark.slow)])
def test_right_workers_pass(names: set[str], cronproof: Cronproof, tmp_path: Path) -> None:
    found = verify_races("right", sorted(names), cronproof, tmp_path)

    assert {name: (one["verdict"], one["exploration"]["exhausted"]) for name, one in found.items()} == dict.fromkeys(
        names, ("PASS", True)
    )


@pytest.mark.parametrize("names", [SOME, pytest.param(WRONG.keys() - SOME, marks=pytest.mark.slow)])
def test_wrong_workers_fail(names: set[str], cronproof: Cronproof, tmp_path: Path) -> None:
    found = verify_races("wrong", sorted(names), cronproof, tmp_path)

    for name, (check, message) in WRONG.items():
        if name not in names:
            continue
        failed = {one["id"]: one["message"] for one in found[name]["checks"] if one["verdict"] == "FAIL"}
        assert failed[check].startswith(message), failed


def test_workers_share_an_exploration_of_declared_services(cronproof: Cronproof, tmp_path: Path) -> None:
    arguments = ["--target", "right", "--workers", "2", "--json", "--out", str(tmp_path)]
    done = cronproof("explore", "scenarios/races/outbox.yaml", *arguments, folder=APPS)

    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "PASS"), done.stderr


@pytest.mark.parametrize(
    ("name", "target", "exit_code", "finding"),
    [
        ("mail", "right-command", 0, "PASS  status         2 × 0"),
        pytest.param("post", "right-command", 0, "PASS  no-loss        letters 1 and 2", marks=[pytest.mark.slow]),
        pytest.param(
            *("post", "wrong-command", 1, "FAIL  no-duplicate   letters 1: ***********.com got 2 messages"),
            marks=[pytest.mark.slow],
        ),
        pytest.param("ended", "right-command", 0, "exactly once under 9 faults", marks=[pytest.mark.slow]),
        pytest.param(
            *(
                "ended",
                "wrong-command",
                1,
                "letters 1, sigterm at A: answer smtp DATA mail: its message was accepted twice",
            ),
            marks=[pytest.mark.slow],
        ),
    ],
)
def test_a_command_is_verified(
    name: str, target: str, exit_code: int, finding: str, cronproof: Cronproof, tmp_path: Path
) -> None:
    arguments = ["verify", f"scenarios/commands/{name}.yaml", "--target", target, "--out", str(tmp_path)]
    done = cronproof(*arguments, folder=APPS)

    assert done.returncode == exit_code, done.stdout + done.stderr
    assert finding in done.stdout
