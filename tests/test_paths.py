"""Paths as they are shown."""

from pathlib import Path

import pytest

from cronproof.paths import display_path


def test_a_path_is_relative_to_the_working_directory_where_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert display_path(tmp_path / "a" / "b.yaml") == "a/b.yaml"
    assert display_path(Path("/elsewhere/b.yaml")) == "/elsewhere/b.yaml"
