"""Formats paths for display."""

from pathlib import Path


def display_path(file: Path) -> str:
    """Formats a path for display: relative if it is below the working directory."""
    try:
        return str(file.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(file)
