"""Paths as people want to see them."""

from __future__ import annotations

from pathlib import Path


def display_path(file: Path) -> str:
    """A path as people want to see it: relative, when it is below the working directory."""
    try:
        return str(file.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(file)
