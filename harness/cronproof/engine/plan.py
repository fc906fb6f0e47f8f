"""What to verify, and on what."""

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
    """The file with the rows that every scenario has."""
    external: TargetConfig | None = None
    """The target, unless it is a built-in one."""
    logs: Path = Path("reports/logs")
    """The folder for the output of processes."""
    application: Application | None = None
    """The application to use instead of the built-in target's own."""
    edited: Mapping[str, str] = field(default_factory=dict)
    """Replacement texts for migrations, by folder and name."""
    seeks_failures: bool = False
    """Whether to stop at the first failure, without shortening it."""
    workers: int = 1
    """How many processes verify scenarios, or explore the only one."""
    seed: int = 0
    """The seed of samples."""
    journal: Path | None = None
    """The file that records the exploration, so that it can continue after an interruption."""
    continues: bool = False
    """Whether to continue from the journal."""
    config: Path | None = None
    """The file that describes the target."""
    shows_data: bool = False
    """Whether phone numbers and texts may be shown."""

    @classmethod
    def from_options(
        cls, target: str | None, config: Path | None, migrations: Sequence[Path] | None, **others: Any
    ) -> Self:
        """Makes a plan from command-line options: a configured target (default: the first), or a
        built-in one.

        Given migrations replace the reference claim functions, or follow the target's own ones.

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
        """Checks that the target exists, before a server is started.

        Raises:
            UsageError: there is none.
        """
        if self.external is None:
            reference.find_built_in(self.target)
