"""What a check found in one execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True)
class Finding:
    """A verdict and a sentence for a person."""

    verdict: Verdict
    message: str
    known: Sequence[str] = ()
    """The reasons of the known limits for which it passes although the property does not hold."""


def passed(message: str) -> Finding:
    """The property held."""
    return Finding("PASS", message)


def failed(message: str) -> Finding:
    """The property did not hold. The message names the rows and messages."""
    return Finding("FAIL", message)


def inconclusive(message: str) -> Finding:
    """The execution gave no evidence either way, which is never a pass."""
    return Finding("INCONCLUSIVE", message)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of many: FAIL outweighs INCONCLUSIVE, which outweighs PASS. Of none it is INCONCLUSIVE."""
    order: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
    return next((verdict for verdict in order if verdict in verdicts), "INCONCLUSIVE")
