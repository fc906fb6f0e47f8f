"""Instances: single invocations of a cron, named by a letter, and their responses."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

CRON_NAME = r"^[A-Za-z0-9][\w.:-]*$"
"""What a cron can be called."""
CronName = Annotated[str, Field(pattern=CRON_NAME)]

NAMES = string.ascii_uppercase
"""The names of instances, in order. Their number limits that of instances."""
MAX_INSTANCES = len(NAMES)


@dataclass(frozen=True)
class Instance:
    """One invocation of a cron: A, B, C and so on."""

    name: str
    cron: str


@dataclass(frozen=True)
class CronResponse:
    """The response of a cron. `body` is the JSON, or the text if it is not JSON."""

    instance: str
    status: int
    body: Any
    is_exit: bool = False
    """Whether the status is an exit status, where 0 is success, and the body is what was written."""

    @property
    def has_failed(self) -> bool:
        """Whether the call has failed on the side of the cron."""
        return self.status != 0 if self.is_exit else self.status >= 500

    @property
    def is_refused(self) -> bool:
        """Whether it answers with an error of any kind."""
        return self.status != 0 if self.is_exit else self.status >= 400


@dataclass(frozen=True)
class Output:
    """The last lines that an instance's process wrote, and the file with all of them."""

    instance: str
    file: Path
    lines: Sequence[str]
