"""What `cronproof.toml` declares, as data: targets, crons, and what proves the checks."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cronproof.targets.config import ConfigTable, TargetConfig


class CronConfig(ConfigTable):
    """A cron that is known by name."""

    reported_risk: str | None = None
    """What a report by hand has said of it; it is compared with what is measured."""
    called_by: str | None = None
    """The cron that calls it in turn."""
    claims_by: str | None = None
    """The database function with which it claims units of work."""


class ProveConfig(ConfigTable):
    """What `cronproof prove` tries. Paths are relative to the file."""

    target: str
    """The target that mutants are made of."""
    saboteurs: str
    """The broken implementations that the checks must catch: `package.module:name`."""
    variants: str
    """The right ones that they must accept."""
    scenarios: Path
    copied: Annotated[list[Path], Field(min_length=1)]
    """The folders of which every implementation has an edited copy."""
    equivalent: Path
    """The mutants that no check can catch, each with the reason."""
    functions: Path
    """The migration with the database functions that mutants are made of."""
    files: dict[str, list[str]] = {}
    """The source files that mutants are made of, each with the crons that test them."""
    only: dict[str, list[str]] = {}
    """The functions of a source file that mutants are made of, where not all are."""
    served: TargetConfig
    """How an implementation is started whose instances are processes of their own."""


class Config(ConfigTable):
    """The file."""

    targets: Annotated[dict[str, TargetConfig], Field(min_length=1)]
    crons: dict[str, CronConfig] = {}
    prove: ProveConfig | None = None
