"""What to verify, and on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cronproof.targets import reference
from cronproof.targets.config import TargetConfig, find_config
from cronproof.targets.in_process import Application


@dataclass(frozen=True)
class Plan:
    """What to verify, and on what. `migrations` are applied after the `schema`."""

    target: str = "reference"
    postgres: str = "embedded"
    schema: Sequence[Path] = field(default_factory=reference.schema)
    migrations: Sequence[Path] = (reference.LOCKING,)
    seed_rows: Path = reference.SEED
    """The rows that every scenario has."""
    external: TargetConfig | None = None
    """The target, unless it is a built-in one."""
    logs: Path = Path("reports/logs")
    """The folder for what processes write."""
    application: Application | None = None
    """Makes the instances of the built-in target, in place of its own."""
    edited: Mapping[str, str] = field(default_factory=dict)
    """Migrations with other texts than their files have, by folder and name."""
    seeks_failures: bool = False
    """Whether the first failure is enough: nothing is explored behind it, and nothing shortened."""
    workers: int = 1
    """How many processes verify scenarios, or explore the only one."""
    seed: int = 0
    """The seed of samples."""
    journal: Path | None = None
    """The file that keeps the executions of the exploration, so that it can continue after an interruption."""
    continues: bool = False
    """Whether it continues from there."""
    config: Path | None = None
    """The file that describes the target."""
    shows_data: bool = False
    """Whether phone numbers and texts may be shown."""

    @classmethod
    def from_options(
        cls, target: str | None, config: Path | None, migrations: Sequence[Path] | None, **others: Any
    ) -> Self:
        """The plan for the options of the command line: a target of the configuration (default: its first), or a built-in.

        Migrations that are named replace the claim functions of the reference schema. They come after those that the
        target has for itself, if it has any.

        Raises:
            UsageError: there is no such target, or the configuration describes none.
        """
        file = find_config(config)
        name = target or ("reference" if file is None else next(iter(file.targets)))
        if file is None or (name in reference.BUILT_IN and name not in file.targets):
            return cls(name, migrations=migrations or reference.find_built_in(name).migrations, **others)
        external, schema = file.find_target(name), file.find_migrations(name)
        if schema is None:
            schema, migrations = reference.schema(), migrations or (reference.LOCKING,)
        seed_rows = reference.SEED if external.seed is None else external.seed
        return cls(
            name,
            schema=schema,
            migrations=migrations or (),
            seed_rows=seed_rows,
            external=external,
            config=file.file,
            **others,
        )

    def check(self) -> None:
        """Looks whether there is such a target, before a server is started.

        Raises:
            UsageError: there is none.
        """
        if self.external is None:
            reference.find_built_in(self.target)
