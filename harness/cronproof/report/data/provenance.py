"""What exactly was verified: commit, versions, digests, times."""

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

from cronproof.report.data.document import FileEntry, Versions


def versions() -> Versions:
    """Returns the versions in use."""
    return Versions(
        cronproof=version("cronproof"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
    )


@dataclass(frozen=True)
class Provenance:
    """What a report is about, and how to repeat the run. The document has the same fields."""

    target: str
    postgres: str
    commit: str
    dirty: bool | None
    started: datetime
    seconds: float
    seed: int
    command: str
    directory: str
    migrations: Sequence[FileEntry]
    files: Sequence[FileEntry]
    crons: Mapping[str, str | None] = field(default_factory=dict)
    """The crons that the configuration names, each with the risk that a report by hand has stated."""
    budget_seconds: float | None = None
    shard: str | None = None
    target_is: str | None = None
    left_out: int = 0
    """How many slow scenarios were not run."""
    versions: Versions = field(default_factory=versions)


def now() -> datetime:
    """Returns the current time, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Checkout:
    """A git checkout: its commit, whether files differ from it, and the working directory in it."""

    commit: str = "unknown (not a git checkout)"
    dirty: bool | None = None
    directory: str = "."


def checkout() -> Checkout:
    """Finds the checkout of the working directory."""
    head = _git("rev-parse", "HEAD")
    if not head:
        return Checkout()
    return Checkout(head, bool(_git("status", "--porcelain")), _git("rev-parse", "--show-prefix") or ".")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S607  (from PATH)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
