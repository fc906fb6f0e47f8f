"""`cronproof list`."""

import pytest

from tests.support.command import run_command

pytestmark = pytest.mark.postgres


def test_list_names_scenarios_and_targets() -> None:
    done = run_command("list", "scenarios/1-functions")

    assert done.returncode == 0
    assert "1-functions/claim_jobs_for_followup" in done.stdout
    assert done.stdout.endswith("Targets: reference, legacy, hardened\n")
