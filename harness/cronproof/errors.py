"""The errors that end a run early.

    CronproofError
    ├── UsageError          exit 2: an option, a name or a file is wrong
    │   └── InvalidFile     exit 2: every mistake, each with file:line:col
    │       ├── InvalidScenario
    │       ├── InvalidConfig
    │       └── InvalidReport
    └── EnvironmentFailed   exit 3: no Postgres, no Docker engine, a target that does not start

The message tells the user what is wrong, where, and what to do about it.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class CronproofError(Exception):
    """The base of all errors. `exit_code` is the exit code of the command."""

    exit_code: ClassVar[int]


class UsageError(CronproofError):
    """The command cannot do what it was asked."""

    exit_code = 2


class EnvironmentFailed(CronproofError):
    """Something that the run needs from its environment is missing or broken."""

    exit_code = 3


@dataclass(frozen=True)
class Mistake:
    """One mistake in a file. Lines and columns count from 1."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class InvalidFile(UsageError):
    """Files with mistakes in them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: (str(mistake.file), mistake.line, mistake.column))
        super().__init__("\n".join(map(str, self.mistakes)))

    def __reduce__(self) -> tuple[type[UsageError], tuple[list[Mistake]]]:
        """Pickles the mistakes: a worker sends them to the run."""
        return type(self), (self.mistakes,)


class InvalidScenario(InvalidFile):
    """Scenario files that cannot be run."""


class InvalidConfig(InvalidFile):
    """A `cronproof.toml` that does not say what to verify."""


class InvalidReport(InvalidFile):
    """A file that does not hold the results of a run."""


def nearest(word: str, words: Sequence[str]) -> str:
    """Returns a suffix for a message about an unknown word: the nearest valid word, or all."""
    near = find_near(word, words)
    return f"; did you mean {near!r}?" if near else f"; one of: {', '.join(words)}" if words else ""


def find_near(word: str, words: Sequence[str], *, cutoff: float = 0.6) -> str | None:
    """Returns the word that another one is probably meant to be, if any is as similar as `cutoff`, from 0 to 1."""
    return next(iter(difflib.get_close_matches(word, words, n=1, cutoff=cutoff)), None)
