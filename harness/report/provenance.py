"""What exactly was verified: commit, versions, digests, times."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Provenance:
    """Enough to know what a report speaks of, and to do it again."""

    target: str
    postgres: str
    commit: str
    started: datetime
    seed: int
    command: str
    migrations: Sequence[tuple[str, str]]
    scenarios: Sequence[tuple[str, str]]
    left_out: int = 0
    """How many slow scenarios were not run."""
    harness: str = version("cronproof")
    python: str = platform.python_version()
    system: str = f"{platform.system()} {platform.machine()}"


def now() -> datetime:
    """The time at which a run starts."""
    return datetime.now(UTC).replace(microsecond=0)


def commit() -> str:
    """The commit that is checked out here, with a word when files differ from it."""
    head = _git("rev-parse", "HEAD")
    if not head:
        return "unknown (not a git checkout)"
    return f"{head} with uncommitted changes" if _git("status", "--porcelain") else head


def shown(file: Path) -> str:
    """A path as people want to see it: relative, when it is below the working directory."""
    try:
        return str(file.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S607  (from PATH)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
