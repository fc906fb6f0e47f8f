"""The built-in targets, and what proves the checks.

The only module that knows this repository's `fixtures/`, `scenarios/` and `sql/`.
"""

import functools
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ruamel.yaml import YAML
from starlette.applications import Starlette

import fixtures
from cronproof.domain.crons import CLAIM_FUNCTIONS
from cronproof.errors import UsageError, nearest
from cronproof.targets.config import TargetConfig
from cronproof.targets.edited import import_edited
from cronproof.targets.in_process import Application, Clock
from fixtures import hardened, legacy
from fixtures.crons import app
from fixtures.crons.settings import Settings

ROOT = Path(fixtures.__file__).parents[1]
LOCKING = ROOT / "sql" / "06-cron-locking.sql"
_LEASES = ROOT / "sql" / "07-claim-leases.sql"
_NOTICES = ROOT / "sql" / "08-message-notices.sql"
SEED = ROOT / "fixtures" / "seed.yaml"
SCENARIOS = ROOT / "scenarios"


def schema() -> list[Path]:
    """Returns the files of sql/ that come before the claim functions, in order."""
    return sorted(file for file in LOCKING.parent.glob("*.sql") if file.name < LOCKING.name)


def make_settings(values: Mapping[str, str]) -> Settings:
    """Builds an instance's settings from the values of the configuration's placeholders."""
    return Settings(
        database_url=values["database_url"],
        cron_secret=values["cron_secret"],
        openphone_api_key=values["openphone_api_key"],
        openphone_url=values["openphone_url"],
        telegram_url=values["telegram_url"],
        ghl_url=values["ghl_url"],
        ghl_api_key=values["openphone_api_key"],
        app_url=values["app_url"],
    )


@dataclass(frozen=True)
class BuiltIn:
    """Crons of this repository: a module with `CRONS`, and migrations to apply after the schema."""

    module: ModuleType
    description: str
    migrations: Sequence[Path] = (LOCKING,)

    def application(self, values: Mapping[str, str], clock: Clock) -> Starlette:
        """Creates the application of one instance."""
        return app.create_app(make_settings(values), self.module.CRONS, clock)

    def edited_application(self, sources: Mapping[str, str]) -> Application:
        """Returns a factory for applications with edited files: texts by path from the root."""

        def make(values: Mapping[str, str], clock: Clock) -> Starlette:
            edited_app, edited = import_edited("fixtures", sources, [app.__name__, self.module.__name__])
            made: Starlette = edited_app.create_app(make_settings(values), edited.CRONS, clock)
            return made

        return make


# What `make_settings` fills in for an instance in this process.
ENVIRONMENT = {
    "DATABASE_URL": "{database_url}",
    "CRON_SECRET": "{cron_secret}",
    "OPENPHONE_API_KEY": "{openphone_api_key}",
    "OPENPHONE_API_URL": "{openphone_url}",
    "TELEGRAM_API_URL": "{telegram_url}",
    "GHL_API_URL": "{ghl_url}",
    "GHL_API_KEY": "{openphone_api_key}",
    "APP_URL": "http://127.0.0.1:{port}",
}


def serve_edited(sources: Mapping[str, str], folder: Path) -> TargetConfig:
    """Copies the crons to a new folder, with edited files: texts by path from the root. Returns how
    their instances are started, each as a process.
    """
    package = ROOT / fixtures.__name__
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("targets", "__pycache__"))
    for name, text in sources.items():
        if name.startswith(f"{package.name}/"):
            (folder / name).write_text(text, encoding="utf-8")
    serve = ["-m", "uvicorn", "--factory", f"{app.__name__}:{app.from_environment.__name__}", "--port", "{port}"]
    return TargetConfig(command=[sys.executable, *serve], cwd=folder, env=ENVIRONMENT)


BUILT_IN: Mapping[str, BuiltIn] = {
    "reference": BuiltIn(app, "the crons of cronproof itself, after the fix: they claim, then send"),
    "legacy": BuiltIn(legacy, "the crons of cronproof itself as they were before the fix: they read, send, then mark"),
    "hardened": BuiltIn(
        hardened,
        "the crons of cronproof itself with claims that expire and outcomes that are looked up",
        (LOCKING, _LEASES, _NOTICES),
    ),
}


def find_built_in(name: str) -> BuiltIn:
    """Finds the built-in target of this name.

    Raises:
        UsageError: there is no such target.
    """
    try:
        return BUILT_IN[name]
    except KeyError:
        raise UsageError(f"there is no target {name!r}{nearest(name, list(BUILT_IN))}") from None


def find_saboteurs() -> tuple[Sequence[Any], Sequence[Any]]:
    """Returns the saboteurs that the checks must catch, and the variants that they must accept."""
    from fixtures.saboteurs import SABOTEURS, VARIANTS  # noqa: PLC0415  (only the proof needs them)

    return SABOTEURS, VARIANTS


@functools.cache
def find_equivalent() -> Mapping[str, str]:
    """Reads the equivalent mutants, which no check can catch, each with the reason."""
    text = (ROOT / "fixtures" / "saboteurs" / "equivalent.yaml").read_text(encoding="utf-8")
    found: Mapping[str, str] = YAML(typ="safe", pure=True).load(text) or {}
    return found


MUTATED: Mapping[str, Sequence[str]] = {
    "fixtures/crons/post_job_followup.py": ["post-job-followup"],
    "fixtures/crons/monthly_followup.py": ["monthly-followup"],
    "fixtures/crons/monthly_reengagement.py": ["monthly-reengagement"],
    "fixtures/crons/frequency_nudge.py": ["frequency-nudge"],
    "fixtures/crons/jobs.py": list(CLAIM_FUNCTIONS),
    "fixtures/crons/services.py": ["post-job-followup", "monthly-followup"],
    "fixtures/crons/tenants.py": list(CLAIM_FUNCTIONS),
}
"""The files of the reference that are mutated, each with the crons that test its mutants."""
MUTATED_FUNCTIONS: Mapping[str, Sequence[str]] = {
    "fixtures/crons/services.py": ["OpenPhone.send", "_failure", "_post"],
}
"""The functions that are mutated, in files where not all are."""
