"""`cronproof doctor`."""

import pytest

from tests.support.command import cronproof_process

pytestmark = pytest.mark.postgres


def test_doctor_tries_the_postgres() -> None:
    # Processes of their own: where no engine answers, Docker's client leaves its socket open.
    good, bad = cronproof_process("doctor"), cronproof_process("doctor", "--postgres", "host=127.0.0.1 port=1")

    assert (good.returncode, bad.returncode) == (0, 3)
    assert "PostgreSQL 18" in good.stdout
    assert good.stdout.endswith("cronproof doctor --target reference\n")
    assert "missing  no Postgres answers at given 127.0.0.1:1" in bad.stdout
