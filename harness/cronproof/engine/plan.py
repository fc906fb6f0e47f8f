"""What to verify, and on what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from cronproof.config.config import CronConfig
from cronproof.config.config_file import ConfigFile, find_config
from cronproof.domain.application import Application
from cronproof.services.declared import Declaration
from cronproof.targets.config import TargetConfig
from cronproof.targets.functions import PATH, Function, make_factory
from cronproof.targets.in_process import Factory


@dataclass(frozen=True)
class Plan:
    """What to verify, and on what. `migrations` are applied after the `schema`."""

    target: str
    target_config: TargetConfig
    """How the target is started. Its paths are resolved."""
    postgres: str = "embedded"
    schema: Sequence[Path] = ()
    migrations: Sequence[Path] = ()
    seed_rows: Path | None = None
    """The file with the rows that every scenario has."""
    application: Application = field(default_factory=Application)
    """What the configuration declares about the application."""
    services: Sequence[Declaration] = ()
    """The services that the configuration declares."""
    crons: Mapping[str, CronConfig] = field(default_factory=dict)
    """The crons that the configuration names."""
    logs: Path = Path("reports/logs")
    """The folder for the output of processes."""
    factory: Factory | None = None
    """What makes the application of an instance, instead of what the target names."""
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

    def of_functions(self, functions: Sequence[Function]) -> Self:
        """Returns the plan for functions in place of the target, with its schema."""
        config = TargetConfig(asgi="a.test:functions", path=PATH, cwd=self.target_config.cwd)
        kept = {"migrate": self.target_config.migrate, "env": self.target_config.env}
        return replace(
            self,
            target="functions",
            target_config=config.model_copy(update=kept),
            crons={},
            factory=make_factory(functions),
        )

    @classmethod
    def from_options(
        cls, target: str | None, config: Path | None, migrations: Sequence[Path] | None, **others: Any
    ) -> Self:
        """Makes a plan from command-line options. The configuration is by default that of the working directory.

        Raises:
            InvalidConfig: with every mistake of the configuration.
            UsageError: there is no such configuration or target, or a file of it is missing.
        """
        return cls.for_target(find_config(config), target, migrations, **others)

    @classmethod
    def for_target(
        cls, file: ConfigFile, target: str | None = None, migrations: Sequence[Path] | None = None, **others: Any
    ) -> Self:
        """Makes a plan for a target of a configuration, by default its first.

        Given migrations replace those that the target declares replaceable.

        Raises:
            UsageError: there is no such target, or a file of it is missing.
        """
        name = target or next(iter(file.targets))
        target_config = file.find_target(name)
        schema, replaceable = file.find_migrations(name)
        return cls(
            name,
            target_config,
            schema=schema,
            migrations=migrations or replaceable,
            seed_rows=target_config.seed,
            application=file.application,
            services=file.services,
            crons=file.crons,
            config=file.file,
            **others,
        )
