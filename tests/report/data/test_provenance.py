"""Where a run was made."""

from pathlib import Path

import pytest

from cronproof.report.data import provenance


def test_the_commit_is_that_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert provenance.checkout() == provenance.Checkout()
