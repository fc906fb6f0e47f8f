"""What a check is: its parameters, as the scenario file gives them, and a question to the evidence of one run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from cronproof.evidence.evidence import JobId, Run

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True)
class Finding:
    """What a check found in one run. The message is a sentence for a person."""

    verdict: Verdict
    message: str
    known: Sequence[str] = ()
    """Why it passed all the same, where something was not as it should be, and that is known."""


def passed(message: str) -> Finding:
    """The property held."""
    return Finding("PASS", message)


def failed(message: str) -> Finding:
    """The property did not hold; the message names the rows and messages."""
    return Finding("FAIL", message)


def inconclusive(message: str) -> Finding:
    """The run gave no evidence either way, which is never a pass."""
    return Finding("INCONCLUSIVE", message)


class Check(ABC):
    """A property that must hold in every run of a scenario."""

    id: ClassVar[str]
    of_the_database: ClassVar[bool] = False
    """Whether it asks about the database alone, so that nothing needs to be called."""
    needs_recovery: ClassVar[bool] = False
    """Whether it asks about what comes later too, so that the crons are called again until nothing changes."""
    asks_for_more: ClassVar[bool] = False
    """Whether what it misses may still come, as long as the recovery is not over."""
    of_jobs: ClassVar[bool] = False
    """Whether it asks about jobs and their marks, which only some crons keep."""

    @property
    def tables(self) -> list[str]:
        """The tables that it looks at, beside those that the scenario gives rows to."""
        return []

    @abstractmethod
    def examine(self, run: Run) -> Finding:
        """Whether the property held in this run."""

    def amiss(self, run: Run) -> Sequence[str]:  # noqa: ARG002  (most ask about nothing that can be counted)
        """What has become of messages that are not as they should be, known limits included: each thing once."""
        return ()

    def conclude(self, runs: Sequence[Run]) -> Finding | None:  # noqa: ARG002  (most have said it all)
        """When it held in every run: what all of them show together, if that is more than what each shows."""
        return None


def listed(value: object) -> object:
    """What a file says as one word or as a list of them, as a list."""
    return [value] if isinstance(value, str) else value


def named(ids: Sequence[JobId]) -> str:
    """Jobs in a sentence: `job 32`, `jobs 32 and 33`."""
    numbers = [str(number) for number in ids]
    return f"job {numbers[0]}" if len(numbers) == 1 else f"jobs {', '.join(numbers[:-1])} and {numbers[-1]}"
