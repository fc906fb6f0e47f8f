"""An instance: one invocation of a cron, by a letter, and what it answered."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = string.ascii_uppercase
"""The names of instances, in order. There are no more instances than that."""
MAX_INSTANCES = len(NAMES)


@dataclass(frozen=True)
class Instance:
    """One invocation of a cron: A, B, C and so on."""

    name: str
    cron: str


@dataclass(frozen=True)
class CronResponse:
    """What a cron answered. `body` is the JSON, or the text where it is not JSON."""

    instance: str
    status: int
    body: Any


@dataclass(frozen=True)
class Output:
    """The last lines that the process of an instance has written, and the file that has all of them."""

    instance: str
    file: Path
    lines: Sequence[str]
